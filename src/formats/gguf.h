// GGUF v3, little-endian: reader (mapped, every size checked) and writer (atomic).
// Source: the GGUF specification in ggml's docs/gguf.md. Left out: big-endian files and versions 1 and 2.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/file.h"
#include "formats/tensor_file.h"

namespace cobra {

/// A metadata value. Integers of every width are held as int64_t (uint64 above int64's range is an error),
/// float32 and float64 as double; arrays of these three kinds and of strings are supported, nested arrays are
/// an error.
using GgufValue = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>, std::vector<double>,
                               std::vector<bool>, std::vector<std::string>>;

class GgufFile {
 public:
  /// Maps and checks the whole header: magic, version, counts, key and tensor names (unique), types, shapes,
  /// alignment, and that each tensor lies inside the file and overlaps no other. Throws Error "path: what,
  /// expected, found".
  explicit GgufFile(const std::string& path);

  const std::string& path() const { return map_.path(); }
  int64_t file_bytes() const { return static_cast<int64_t>(map_.bytes().size()); }

  const std::map<std::string, GgufValue>& metadata() const { return metadata_; }
  bool has(const std::string& key) const { return metadata_.contains(key); }
  /// Typed access. Throws Error naming the file, the key, the wanted kind and the found kind. The
  /// two-argument form gives `fallback` when the key is absent (a wrong kind still throws).
  int64_t integer(const std::string& key) const;
  int64_t integer(const std::string& key, int64_t fallback) const;
  double number(const std::string& key) const;  // integer or float
  double number(const std::string& key, double fallback) const;
  bool boolean(const std::string& key, bool fallback) const;
  const std::string& text(const std::string& key) const;
  std::string text(const std::string& key, const std::string& fallback) const;
  const std::vector<std::string>& texts(const std::string& key) const;
  const std::vector<int64_t>& integers(const std::string& key) const;
  const std::vector<double>& numbers(const std::string& key) const;

  /// In file order.
  const std::vector<TensorEntry>& tensors() const { return tensors_; }
  /// nullptr when absent.
  const TensorEntry* find(std::string_view name) const;
  /// See MappedFile::release_pages.
  void release_pages(std::span<const std::byte> part) const { map_.release_pages(part); }

 private:
  MappedFile map_;
  std::map<std::string, GgufValue> metadata_;
  std::vector<TensorEntry> tensors_;
  std::map<std::string, size_t> index_;
};

/// Writes a GGUF in two passes: first everything is declared, then the tensors' bytes come in the declared
/// order, so that no more than one tensor need be in memory. Nothing appears at `path` before `finish`.
class GgufWriter {
 public:
  explicit GgufWriter(std::string path);

  /// int64_t is written as uint32 where it fits, else int32, uint64/int64; double as float32; arrays of
  /// integers as int32 where all fit, else int64. Keys keep the order of calls; a key set twice is an error.
  /// "general.alignment" takes effect: a power of two up to 1 MiB; without it tensors are aligned to 32
  /// bytes.
  void set(const std::string& key, GgufValue value);
  /// Shape outermost first (GGUF's own order is the reverse). At most 4 dimensions.
  void declare(const std::string& name, DType type, const std::vector<int64_t>& shape);

  /// The next declared tensor's bytes, exactly as many as its type and shape take. The first call writes the
  /// header.
  void write_tensor(std::span<const std::byte> bytes);
  /// Throws when declared tensors are missing. Afterwards the file stands under its name.
  void finish();

  /// Names in declared order, for progress and checks.
  const std::vector<TensorEntry>& declared() const { return tensors_; }

 private:
  AtomicFile file_;
  std::string path_;
  std::vector<std::pair<std::string, GgufValue>> metadata_;
  std::vector<TensorEntry> tensors_;  // bytes empty
  std::set<std::string> keys_, names_;
  static constexpr int64_t kMaxAlignment = 1 << 20;
  int64_t alignment_ = 32;
  size_t next_ = 0;
  bool header_written_ = false;
  bool finished_ = false;
  void write_header();
};

}  // namespace cobra
