#include "data/mixture.h"

#include <filesystem>
#include <map>
#include <memory>

#include "base/fail.h"
#include "base/file.h"
#include "data/json_array.h"

namespace cobra::data {
namespace {

constexpr size_t kShownPathBytes = 4096;
constexpr int32_t kNoPicture = -1;

/// A record where it lies; it is parsed once to be checked and once to be written, so that memory stays
/// small.
struct Record {
  std::string_view text;
  uint32_t file;
  uint32_t position;  // in its file
  int32_t picture = kNoPicture;
  bool is_bad = false;
};

void check_outputs(const MixOptions& options) {
  std::error_code error;
  check(std::filesystem::weakly_canonical(options.report, error) !=
            std::filesystem::weakly_canonical(options.output, error),
        "{}: both the mixture and the report; choose another name", printable(options.output, 1000));
  for (const MixFile& file : options.files) {
    check_output_differs(options.output, file.path);
    check_output_differs(options.report, file.path);
  }
}

class Mixer {
 public:
  explicit Mixer(const MixOptions& options) : options_(options) {}

  MixReport run() {
    for (const MixFile& file : options_.files) index(file);
    AtomicFile report(options_.report);
    check_records(report);
    verdicts_.resize(pictures_.size());
    if (options_.pictures.folder) verdicts_ = check_pictures(pictures_, options_.pictures);
    write(report);
    return counts_;
  }

 private:
  const MixOptions& options_;
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::vector<Record> records_;
  std::vector<std::string> pictures_;  // each once
  std::vector<PictureVerdict> verdicts_;
  MixSizes sizes_;
  MixReport counts_;

  MixSource source(const Record& record) const { return options_.files[record.file].source; }
  MixReport::Source& counts(const Record& record) {
    return counts_.sources[static_cast<size_t>(source(record))];
  }

  void index(const MixFile& file) {
    const auto number = static_cast<uint32_t>(files_.size());
    files_.push_back(std::make_unique<MappedFile>(file.path));
    const auto bytes = files_.back()->bytes();
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const size_t before = records_.size();
    for_each_json_element(text, printable(file.path, kShownPathBytes), [&](std::string_view element) {
      records_.push_back({element, number, static_cast<uint32_t>(records_.size() - before)});
    });
    const auto count = static_cast<int64_t>(records_.size() - before);
    counts_.sources[static_cast<size_t>(file.source)].records += count;
    (file.source == MixSource::llava  ? sizes_.llava
     : file.source == MixSource::lvis ? sizes_.lvis
                                      : sizes_.lrv) += count;
  }

  Json parse(const Record& record) const {
    const std::string& path = options_.files[record.file].path;
    return mix_record(source(record), record.text, options_.lrv_folders,
                      fmt::format("{}: example {}", printable(path, kShownPathBytes), record.position));
  }

  /// Finds the pictures, and the records that are not as published.
  void check_records(AtomicFile& report) {
    std::map<std::string, int32_t> numbers;
    for (Record& record : records_) {
      try {
        const Json example = parse(record);
        const std::string picture = json_text(example, "image", "", "");
        if (picture.empty()) continue;
        const auto [entry, is_new] = numbers.emplace(picture, static_cast<int32_t>(pictures_.size()));
        if (is_new) pictures_.push_back(picture);
        record.picture = entry->second;
      } catch (const Error& error) {
        record.is_bad = true;
        ++counts_.bad_records;
        list(report, record, Json::object(), error.what());
      }
    }
  }

  /// One line of the report. The message of a bad record names its file and place already.
  void list(AtomicFile& report, const Record& record, const Json& example, const std::string& problem) const {
    Json line = {{"file", options_.files[record.file].path}, {"position", record.position}};
    for (const char* field : {"id", "image"}) {
      if (example.contains(field)) line[field] = example[field];
    }
    line["problem"] = problem;
    report.write(line.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace) + "\n");
  }

  /// Whether an example stays; if not, it is counted and listed.
  bool keep(const Record& record, const Json& example, AtomicFile& report) {
    if (record.picture == kNoPicture) {
      counts_.text_only_left_out += options_.multimodal_only;
      return !options_.multimodal_only;
    }
    const PictureVerdict& verdict = verdicts_[static_cast<size_t>(record.picture)];
    if (verdict.state == PictureState::good) return true;
    ++(verdict.state == PictureState::missing ? counts_.missing_pictures : counts_.broken_pictures);
    list(report, record, example, verdict.reason);
    return false;
  }

  void write(AtomicFile& report) {
    AtomicFile output(options_.output);
    output.write("[\n");
    for (const uint32_t number : mix_order(sizes_, options_.seed)) {
      const Record& record = records_[number];
      if (record.is_bad) continue;
      const Json example = parse(record);
      if (!keep(record, example, report)) continue;
      output.write(counts_.examples++ == 0 ? "" : ",\n");
      output.write(example.dump());
      counts_.with_picture += record.picture != kNoPicture;
      ++counts(record).examples;
    }
    output.write("\n]\n");
    report.commit();
    check(counts_.examples > 0, "no example is left; {} says why",
          printable(options_.report, kShownPathBytes));
    output.commit();
  }
};

}  // namespace

MixReport mix(const MixOptions& options) {
  check_outputs(options);
  return Mixer(options).run();
}

}  // namespace cobra::data
