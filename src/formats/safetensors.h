// safetensors: reader (mapped, every size checked) and writer (atomic).
// Source: the format description in huggingface/safetensors' README.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "formats/tensor_file.h"

namespace cobra {

class SafetensorsFile {
 public:
  /// Throws Error naming the file and the field: header length, JSON, dtype, shape, offsets (in range, not
  /// overlapping, without holes, matching dtype x shape), duplicate names.
  explicit SafetensorsFile(const std::string& path);

  const std::string& path() const { return map_.path(); }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// In order of their offsets.
  const std::vector<TensorEntry>& tensors() const { return tensors_; }
  const TensorEntry* find(std::string_view name) const;
  /// See MappedFile::release_pages.
  void release_pages(std::span<const std::byte> part) const { map_.release_pages(part); }

 private:
  MappedFile map_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorEntry> tensors_;
  std::map<std::string, size_t> index_;
};

/// Writes `tensors` (their bytes are read now) into a new file. The header is padded with spaces to 8 bytes.
void write_safetensors(AtomicFile& file, const std::vector<TensorEntry>& tensors,
                       const std::map<std::string, std::string>& metadata = {});
/// The same under `path`, atomically.
void write_safetensors(const std::string& path, const std::vector<TensorEntry>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace cobra
