// Collects the named intermediates of a forward pass and writes them as safetensors.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "cobra/trace.h"

namespace cobra {

class TraceRecorder {
 public:
  /// A sink that records into this object, which must outlive it.
  TraceSink sink();

  /// Appends rows. A name that comes again, as a layer's rows do with every chunk of the prompt, grows along
  /// its first dimension; the others must agree.
  void append(const std::string& name, const std::vector<int64_t>& shape, const float* values);
  /// Gives a recorded tensor another shape of as many values; does nothing for an unknown name.
  void reshape(const std::string& name, const std::vector<int64_t>& shape);
  /// Moves the rows of tensor `from`, if there is one, to the end of tensor `to`.
  void move_rows(const std::string& from, const std::string& to);

  /// Writes everything recorded, in order of appearance, atomically.
  void write(const std::string& path) const;

 private:
  struct Tensor {
    std::string name;
    std::vector<int64_t> shape;
    std::vector<float> values;
  };
  std::vector<Tensor> tensors_;
  std::unordered_map<std::string, size_t> index_;
};

}  // namespace cobra
