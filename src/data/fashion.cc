#include "data/fashion.h"

#include <array>
#include <filesystem>
#include <string_view>

#include "base/atomic_folder.h"
#include "base/fail.h"
#include "base/split_mix.h"
#include "data/idx_file.h"
#include "data/vqa_files.h"
#include "formats/json.h"
#include "formats/zip_writer.h"
#include "image/encode_png.h"

namespace cobra::data {
namespace {

// In the order of the labels. VQA-v2's scorer lower-cases answers, not the truth, hence "t-shirt".
constexpr std::array<std::string_view, 10> kGarments = {
    "t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"};

constexpr std::array<std::string_view, 8> kQuestions = {
    "What is shown in the picture?",     "What garment is this?",
    "What kind of clothing is this?",    "Which article of fashion do you see?",
    "What would a shop call this item?", "Which garment does the picture show?",
    "What is the name of this garment?", "What is this?"};

// As cobra eval asks (src/eval/messages.h) and as LLaVA's mixture has it.
constexpr std::string_view kShortAnswer = "\nAnswer the question using a single word or phrase.";

struct Split {
  std::string name;   // of the output
  std::string files;  // what the names of the IDX files begin with
  uint64_t seed;
  IdxArray pictures{};  // [n, height, width]
  IdxArray labels{};    // [n]

  int64_t size() const { return labels.shape[0]; }
  std::string_view garment(int64_t i) const { return kGarments[labels.values[static_cast<size_t>(i)]]; }
  std::string png(int64_t i) const {
    return encode_png({pictures.shape[2], pictures.shape[1], /*channels=*/1, pictures.item(i)});
  }
};

std::string question(const Split& split, int64_t i) {
  SplitMix random(split.seed, static_cast<uint64_t>(i));
  return std::string(random.pick<std::string_view>(kQuestions));
}

std::string idx_path(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name + "-ubyte";
  return std::filesystem::exists(path) ? path : path + ".gz";
}

Split read_split(const FashionOptions& options, std::string name, std::string files) {
  Split split{std::move(name), std::move(files), options.seed};
  const std::string pictures = idx_path(options.from, split.files + "-images-idx3");
  const std::string labels = idx_path(options.from, split.files + "-labels-idx1");
  split.pictures = read_idx(pictures, 3);
  split.labels = read_idx(labels, 1);
  check(split.pictures.shape[0] == split.size(), "{}: {} labels for {} pictures", printable(labels, 4096),
        split.size(), split.pictures.shape[0]);
  for (int64_t i = 0; i < split.size(); ++i) {
    const int label = split.labels.values[static_cast<size_t>(i)];
    check(label < static_cast<int>(kGarments.size()), "{}: label {} is {}, expected 0 to 9",
          printable(labels, 4096), i, label);
  }
  return split;
}

std::string sentence(std::string_view garment) {
  if (garment == "trousers") return "These are trousers.";
  return fmt::format("This is {} {}.", garment.starts_with("ankle") ? "an" : "a", garment);
}

template <typename PictureName>
std::string conversations(const Split& split, double sentences, const PictureName& picture_name) {
  return json_lines(split.size(), [&](int64_t i) -> Json {
    SplitMix random(split.seed + 1, static_cast<uint64_t>(i));
    const bool whole = random.chance(sentences);
    const std::string message = fmt::format("<image>\n{}{}", question(split, i), whole ? "" : kShortAnswer);
    return {{"id", fmt::format("fashion-{}-{:05}", split.name, i + 1)},
            {"image", picture_name(i)},
            {"conversations",
             Json::array({{{"from", "human"}, {"value", message}},
                          {{"from", "gpt"},
                           {"value", whole ? sentence(split.garment(i)) : std::string(split.garment(i))}}})}};
  });
}

std::string test_picture(int64_t i) { return vqa_picture(i + 1); }

std::string train_picture(int64_t i) { return fmt::format("{:05}.png", i + 1); }

/// The type of a question is the garment, so that the scorer tells them apart.
std::vector<VqaItem> vqa_items(const Split& split) {
  std::vector<VqaItem> items;
  for (int64_t i = 0; i < split.size(); ++i) {
    const std::string garment(split.garment(i));
    items.push_back({i + 1, vqa_question_id(i + 1), question(split, i), garment, garment});
  }
  return items;
}

}  // namespace

FashionReport make_fashion(const FashionOptions& options) {
  AtomicFolder folder(options.output);
  const Split train = read_split(options, "train", "train");
  const Split test = read_split(options, "test", "t10k");
  const int64_t total = train.size() + test.size();
  int64_t done = 0;
  const auto advance = [&] {
    if (options.progress) options.progress(++done, total);
  };

  ZipWriter pictures(folder.place("fashion-train.zip"));
  for (int64_t i = 0; i < train.size(); ++i, advance()) pictures.add(train_picture(i), train.png(i));
  pictures.finish();
  for (int64_t i = 0; i < test.size(); ++i, advance()) folder.write(test_picture(i), test.png(i));

  folder.write("train.json", conversations(train, options.sentences, [](int64_t i) {
                 return "fashion-train.zip/" + train_picture(i);
               }));
  folder.write("test.json", conversations(test, 0, test_picture));
  write_vqa_files(folder, "", "Fashion-MNIST", vqa_items(test));
  folder.commit();
  return {train.size(), test.size()};
}

}  // namespace cobra::data
