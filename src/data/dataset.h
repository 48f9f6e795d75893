// The examples of a LLaVA-format JSON file, indexed without holding them: 1.2 million cost about 30 MB.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "data/example.h"

namespace cobra::data {

class PictureFolder;

/// The two training stages read examples differently.
enum class Stage {
  align,     // caption only: two turns, a picture, no "<image>" in the answer
  finetune,  // whole conversations, with or without a picture
};

struct DatasetOptions {
  Stage stage = Stage::finetune;
  /// Throws Error at the first bad example instead of listing it.
  bool strict = false;
  /// Where every picture must be; nullptr: not looked for. Only used while the file is opened.
  const PictureFolder* pictures = nullptr;
  /// Called now and then while the file is read: a million examples take some ten seconds.
  std::function<void(int64_t done_bytes, int64_t all_bytes)> progress = {};
};

/// An example that is left out.
struct Skipped {
  int64_t position;    // in the file's array
  std::string name;    // "example 17 (id '7')"
  std::string reason;  // one line
};

/// Words as the official code counts them, for the sampler.
struct ModalityLength {
  bool has_picture;
  int64_t length;
};

class ExampleFile {
 public:
  /// Reads the file once, checking every example. Throws Error naming path and byte when the file is not a
  /// JSON array, when no example is left, and when all that have a picture lack it.
  explicit ExampleFile(const std::string& path, const DatasetOptions& options = {});

  const std::string& path() const { return file_.path(); }
  /// Examples that are not skipped; `index` below is among them.
  int64_t size() const { return static_cast<int64_t>(entries_.size()); }
  /// Parsed from the file at each call; any thread.
  Example example(int64_t index) const;
  /// "DATA.json: example 17 (id '7')", counted in the file: what errors about this example start with.
  std::string name(int64_t index) const;

  /// The first kMaxListed of those left out, and how many there are.
  const std::vector<Skipped>& skipped() const { return skipped_; }
  int64_t skipped_count() const { return skipped_count_; }
  static constexpr size_t kMaxListed = 1000;

  /// The official get_modality_lengths. finetune: white-space-separated words of all turns, "<image>" among
  /// them. align: words without "<image>", plus `patches` for each picture.
  std::vector<ModalityLength> modality_lengths(int64_t patches) const;
  /// Of the texts of all examples that are not skipped, in their order; not of their pictures.
  Hash128 digest() const;
  bool has_picture(int64_t index) const { return entries_.at(static_cast<size_t>(index)).has_picture; }

 private:
  struct Entry {
    int64_t offset;
    int64_t position;  // in the file's array
    uint32_t bytes;
    uint32_t words : 31;
    uint32_t has_picture : 1;
  };

  MappedFile file_;
  Stage stage_;
  std::vector<Entry> entries_;
  std::vector<Skipped> skipped_;
  int64_t skipped_count_ = 0, missing_pictures_ = 0;

  std::string_view text(const Entry& entry) const;
  void add(int64_t position, std::string_view element, const DatasetOptions& options);
  void skip(int64_t position, std::string_view element, const char* message, const DatasetOptions& options);
};

}  // namespace cobra::data
