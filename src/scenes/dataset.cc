#include "scenes/dataset.h"

#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "base/atomic_folder.h"
#include "base/fail.h"
#include "data/example.h"
#include "data/vqa_files.h"
#include "formats/json.h"
#include "formats/zip_writer.h"
#include "image/encode_png.h"
#include "scenes/chat.h"
#include "scenes/conversation.h"
#include "scenes/draw.h"
#include "scenes/questions.h"

namespace cobra::scenes {
namespace {

// Streams of random numbers: what is added to a number of an item, so that no two draw the same.
constexpr uint64_t kTestScenes = uint64_t{1} << 40, kTestIllusions = uint64_t{2} << 40;

constexpr double kIllusionShare = 0.25, kTalkShare = 0.03;  // of the training conversations

std::string json_lines_of(const std::vector<Json>& items) {
  std::string text;
  for (const Json& item : items) text += item.dump() + "\n";
  return text;
}

class Maker {
 public:
  explicit Maker(const DatasetOptions& options) : options_(options), folder_(options.output) {}

  DatasetReport make() {
    make_training();
    make_test_scenes();
    make_test_illusions();
    folder_.commit();
    return report_;
  }

 private:
  const DatasetOptions& options_;
  AtomicFolder folder_;
  DatasetReport report_;
  int64_t done_ = 0;

  void advance() {
    if (options_.progress) options_.progress(++done_, options_.train + 2 * options_.test);
  }
  template <typename Picture>
  std::string png(const Picture& picture) const {
    return encode_png({options_.pixels, options_.pixels, 3, draw(picture, options_.pixels)});
  }

  void make_training() {
    ZipWriter pictures(folder_.place("scenes-train.zip"));
    folder_.write("train.json", data::json_lines(options_.train, [&](int64_t i) {
                    advance();
                    return data::example_json(training_example(i, pictures));
                  }));
    pictures.finish();
    report_.train = options_.train;
  }

  bool talks() const { return options_.teaching == Teaching::conversations; }

  std::vector<data::Turn> teach(const Scene& scene, SplitMix& random) const {
    switch (options_.teaching) {
      case Teaching::conversations:
        return conversation(scene, random);
      case Teaching::captions:
        return captioned(scene, random);
      case Teaching::places:
        return placed(scene, random);
      case Teaching::lookups:
        return looked_up(scene, random);
      case Teaching::comparisons:
        return compared(scene, random);
    }
    return {};
  }

  static std::vector<data::Turn> teach(const Illusion& illusion, SplitMix& random) {
    return conversation(illusion, random);
  }

  data::Example training_example(int64_t i, ZipWriter& pictures) const {
    SplitMix random(options_.seed, static_cast<uint64_t>(i));
    const double kind = talks() ? random.uniform(0, 1) : 1;
    data::Example example{fmt::format("scenes-{:07}", i), "", {}};
    if (kind < kTalkShare) {
      example.turns = small_talk(random);
      return example;
    }
    const std::string file = fmt::format("{:07}.png", i);
    const auto show = [&](const auto& picture) {
      pictures.add(file, png(picture));
      example.turns = teach(picture, random);
    };
    if (kind < kTalkShare + kIllusionShare)
      show(make_illusion(random, Part::train));
    else
      show(make_scene(random, Part::train, options_.max_objects));
    example.picture = "scenes-train.zip/" + file;
    return example;
  }

  /// Each scene once for each benchmark, as if it were three pictures.
  void make_test_scenes() {
    std::vector<data::VqaItem> open;
    std::vector<Json> judged;
    std::array<std::vector<Json>, 3> present;
    for (int64_t i = 1; i <= options_.test; ++i, advance()) {
      SplitMix random(options_.seed, kTestScenes + static_cast<uint64_t>(i));
      const Scene scene = make_scene(random, Part::test, options_.max_objects);
      const std::string bytes = png(scene);
      folder_.write(data::vqa_picture(i), bytes);
      add_open(scene, i, random, open);
      add_judged(scene, i, bytes, random, judged);
      add_present(scene, i, bytes, random, present);
    }
    data::write_vqa_files(folder_, "", "scenes", open);
    folder_.write("download/vsr/test.jsonl", json_lines_of(judged));
    constexpr std::array<std::string_view, 3> kSplits = {"random", "popular", "adversarial"};
    for (size_t s = 0; s < kSplits.size(); ++s) {
      folder_.write(fmt::format("download/pope/coco_pope_{}.json", kSplits[s]), json_lines_of(present[s]));
      report_.test_questions += static_cast<int64_t>(present[s].size());
    }
    report_.test_questions += static_cast<int64_t>(open.size() + judged.size());
  }

  static void add_open(const Scene& scene, int64_t i, SplitMix& random, std::vector<data::VqaItem>& items) {
    constexpr size_t kQuestions = 4;
    std::vector<Exchange> exchanges = open_questions(scene, random);
    exchanges.resize(std::min(exchanges.size(), kQuestions));
    int64_t number = 0;
    for (const Exchange& one : exchanges) {
      items.push_back({i, data::vqa_question_id(i, number++), one.question, one.type, one.answer});
    }
  }

  void add_judged(const Scene& scene, int64_t i, const std::string& bytes, SplitMix& random,
                  std::vector<Json>& items) {
    constexpr size_t kStatements = 2;  // more of a scene of two objects would say the same again
    const std::string file = fmt::format("{:06}.png", i);
    folder_.write("download/vsr/images/" + file, bytes);
    for (const Statement& one : statements(scene, kStatements, random)) {
      items.push_back({{"image", file},
                       {"caption", one.caption},
                       {"label", one.truth ? 1 : 0},
                       {"subj", one.subject},
                       {"obj", one.object},
                       {"relation", one.relation}});
    }
  }

  void add_present(const Scene& scene, int64_t i, const std::string& bytes, SplitMix& random,
                   std::array<std::vector<Json>, 3>& splits) {
    const std::string file = fmt::format("COCO_val2014_{:012}.jpg", i);
    folder_.write("download/pope/val_images/" + file, bytes);
    for (size_t s = 0; s < splits.size(); ++s) {
      for (const Presence& one : presence(scene, static_cast<Absent>(s), random)) {
        splits[s].push_back({{"question_id", splits[s].size() + 1},
                             {"image", file},
                             {"text", one.question},
                             {"label", one.truth ? "yes" : "no"}});
      }
    }
  }

  void make_test_illusions() {
    constexpr const char* kFolder = "illusions/";
    std::vector<data::VqaItem> items;
    for (int64_t i = 1; i <= options_.test; ++i, advance()) {
      SplitMix random(options_.seed, kTestIllusions + static_cast<uint64_t>(i));
      const Illusion illusion = make_illusion(random, Part::test);
      folder_.write(kFolder + data::vqa_picture(i), png(illusion));
      const Exchange one = question_about(illusion, random);
      items.push_back({i, data::vqa_question_id(i), one.question, one.type, one.answer});
    }
    data::write_vqa_files(folder_, kFolder, "illusions", items);
    report_.test_questions += options_.test;
  }
};

}  // namespace

DatasetReport make_dataset(const DatasetOptions& options) { return Maker(options).make(); }

}  // namespace cobra::scenes
