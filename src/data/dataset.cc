// Source: FinetuneDataset and AlignDataset of cobra/preprocessing/datasets/datasets.py.
#include "data/dataset.h"

#include "base/fail.h"
#include "data/json_array.h"
#include "data/pictures.h"
#include "tokenizer/unicode_text.h"

namespace cobra::data {
namespace {

constexpr std::string_view kImageMark = "<image>";
constexpr size_t kPartBytes = size_t{16} << 20;  // between calls of `progress`
constexpr size_t kMaxExampleBytes = size_t{64} << 20;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

int64_t count_words(const Example& example, Stage stage) {
  size_t words = 0;
  for (const Turn& turn : example.turns) {
    words += stage == Stage::align ? python_split(replace_all(turn.text, kImageMark, "")).size()
                                   : python_split(turn.text).size();
  }
  return static_cast<int64_t>(words);
}

void check_caption(const Example& example, const std::string& source) {
  check(example.turns.size() == 2, "{}: the align stage needs one question and one caption, found {} turns",
        source, example.turns.size());
  check(example.turns[1].text.find(kImageMark) == std::string::npos, "{}: the caption contains '<image>'",
        source);
  check(example.has_picture(), "{}: the align stage needs a picture", source);
}

/// The id of an element that may be broken, "" where it cannot be told.
std::string guess_id(std::string_view element) {
  if (element.size() > kMaxExampleBytes) return {};
  try {
    const Json value = parse_json(replace_invalid_utf8(element), "");
    const Json* id = json_find(value, "id");
    return !id ? "" : id->is_string() ? id->get<std::string>() : id->dump();
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

ExampleFile::ExampleFile(const std::string& path, const DatasetOptions& options)
    : file_(path), stage_(options.stage) {
  int64_t count = 0;
  const std::span<const std::byte> bytes = file_.bytes();
  size_t released = 0;  // pages behind the reader are given back, so that reading needs little memory
  for_each_json_element(as_text(bytes), path, [&](std::string_view element) {
    add(count++, element, options);
    const auto done = static_cast<size_t>(element.data() + element.size() - as_text(bytes).data());
    if (done - released < kPartBytes) return;
    file_.release_pages(bytes.subspan(released, done - released));
    released = done;
    if (options.progress) options.progress(static_cast<int64_t>(done), static_cast<int64_t>(bytes.size()));
  });
  file_.release_pages(bytes);
  check(!entries_.empty(), "{}: no example is left of {}{}", path, count,
        skipped_.empty() ? "" : fmt::format("; the first: {}: {}", skipped_[0].name, skipped_[0].reason));
  const auto has_picture = [](const Entry& entry) { return entry.has_picture != 0; };
  if (missing_pictures_ == 0 || std::ranges::any_of(entries_, has_picture)) return;
  fail("{}: of {} examples with a picture none has it where it was looked for; the first: {}: {}", path,
       missing_pictures_, skipped_[0].name, skipped_[0].reason);
}

void ExampleFile::add(int64_t position, std::string_view element, const DatasetOptions& options) {
  try {
    check(element.size() <= kMaxExampleBytes, "it has {} bytes, at most {} are read", element.size(),
          kMaxExampleBytes);
    const Example example = parse_example_text(element, "");
    if (stage_ == Stage::align) check_caption(example, "");
    if (options.pictures && example.has_picture() && !options.pictures->contains(example.picture)) {
      ++missing_pictures_;
      fail("picture '{}' is missing", printable(example.picture, 200));
    }
    const auto words = static_cast<uint32_t>(count_words(example, stage_));  // < 2^26: the text is limited
    entries_.push_back({element.data() - as_text(file_.bytes()).data(), position,
                        static_cast<uint32_t>(element.size()), words & 0x7fffffffU, example.has_picture()});
  } catch (const Error& error) {
    skip(position, element, error.what(), options);
  }
}

void ExampleFile::skip(int64_t position, std::string_view element, const char* message,
                       const DatasetOptions& options) {
  std::string_view reason = message;
  if (reason.starts_with(": ")) reason.remove_prefix(2);
  ++skipped_count_;
  if (!options.strict && skipped_.size() >= kMaxListed) return;
  const std::string name = example_name(position, guess_id(element));
  if (options.strict) fail("{}: {}: {}", path(), name, reason);
  skipped_.push_back({position, name, std::string(reason)});
}

std::string_view ExampleFile::text(const Entry& entry) const {
  return as_text(file_.bytes()).substr(static_cast<size_t>(entry.offset), entry.bytes);
}

Example ExampleFile::example(int64_t index) const {
  const Entry& entry = entries_.at(static_cast<size_t>(index));
  return parse_example_text(text(entry), fmt::format("{}: example {}", path(), entry.position));
}

std::string ExampleFile::name(int64_t index) const {
  const Entry& entry = entries_.at(static_cast<size_t>(index));
  return fmt::format("{}: {}", path(), example_name(entry.position, guess_id(text(entry))));
}

Hash128 ExampleFile::digest() const {
  Hasher hasher;
  for (const Entry& entry : entries_) hasher.add(text(entry));
  file_.release_pages(file_.bytes());
  return hasher.digest();
}

std::vector<ModalityLength> ExampleFile::modality_lengths(int64_t patches) const {
  std::vector<ModalityLength> lengths;
  lengths.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    const bool adds_patches = stage_ == Stage::align && entry.has_picture;
    lengths.push_back({entry.has_picture != 0, entry.words + (adds_patches ? patches : 0)});
  }
  return lengths;
}

}  // namespace cobra::data
