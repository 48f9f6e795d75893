// A weights file of any supported container, by its content: safetensors, torch .pt/.bin/.pth, or GGUF.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tensor_file.h"

namespace cobra {

/// Read-only tensors of one file. The container is told by the file's first bytes, never by its name.
class StateDict {
 public:
  /// Throws Error "path: not a safetensors, torch or GGUF file" or that container's own error.
  static std::unique_ptr<StateDict> open(const std::string& path);
  virtual ~StateDict() = default;

  virtual const std::string& path() const = 0;
  virtual const std::vector<TensorEntry>& tensors() const = 0;
  virtual const TensorEntry* find(std::string_view name) const = 0;
  virtual void release_pages(const TensorEntry& tensor) const = 0;
};

}  // namespace cobra
