// torch.save files (zip + pickle), read without libtorch.
// The pickle is run by an allow-list interpreter: it can build dicts, OrderedDicts, lists, tuples, strings,
// numbers, booleans, None and tensors on CPU storages, and nothing else. Any other opcode or global is an
// Error that names it. Source: Python's pickletools for the opcodes, torch/serialization.py for the
// persistent ids and the archive layout.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "formats/tensor_file.h"

namespace cobra {

class TorchCheckpoint {
 public:
  /// Opens an archive (ZIP64 and files above 4 GiB included; stored and deflated members) and runs its
  /// `data.pkl`. Tensors that share a storage share its bytes; a non-contiguous tensor is gathered into a
  /// contiguous one; strides and offsets are checked against the storage's size. Throws Error naming the file
  /// and the member, opcode, global or tensor.
  explicit TorchCheckpoint(const std::string& path);
  ~TorchCheckpoint();
  TorchCheckpoint(TorchCheckpoint&&) noexcept;

  const std::string& path() const;
  /// All tensors in the tree of dicts and lists; names are the keys joined with '/', so
  /// {"model": {"projector": {"projector.0.weight": T}}} gives "model/projector/projector.0.weight". A
  /// top-level state dict gives plain names. Tensors under keys that start with "optimizer" are listed like
  /// any other. Bytes are those of a stored (uncompressed) member in the map. A deflated or non-contiguous
  /// tensor is unpacked into memory, which lasts as long as this object: one tensor by `find`, all by
  /// `tensors`; Error when that takes more than 256 MiB plus 16 times the file's size (a decompression bomb),
  /// or when the data does not inflate. Bytes may start at any address: load values by memcpy. The checksums
  /// of stored members are not compared.
  const std::vector<TensorEntry>& tensors() const;
  const TensorEntry* find(std::string_view name) const;
  /// Lets the system drop a tensor's pages (see MappedFile::release_pages); no effect on unpacked tensors.
  void release_pages(const TensorEntry& tensor) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cobra
