#include "train/model/linear.h"

#include "base/fail.h"
#include "train/model/bf16_linear.h"

namespace cobra::train {

Precision parse_precision(std::string_view text) {
  if (text == "float32") return Precision::float32;
  if (text == "bf16") return Precision::bf16;
  fail("precision '{}' is unknown: expected float32 or bf16", printable(text));
}

Linear bind_linear(const Parameters& parameters, const std::string& name) {
  const std::string bias = name + ".bias";
  return {parameters.at(name + ".weight"), parameters.has(bias) ? parameters.at(bias) : Tensor()};
}

Tensor linear(const Tensor& x, const Linear& layer, Precision precision) {
  if (precision == Precision::float32) return torch::linear(x, layer.weight, layer.bias);
  const Tensor y = bf16_linear(x, layer.weight);
  return layer.bias.defined() ? y + layer.bias : y;
}

}  // namespace cobra::train
