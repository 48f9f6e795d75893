// The official training data as the tests read it: batches, pictures, expected tensors, and the model they
// were made with.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/fail.h"
#include "compare.h"
#include "formats/json.h"
#include "reference.h"
#include "train/model/cobra_vlm.h"
#include "train/model/load.h"
#include "train/model/save.h"
#include "train/step/pictures.h"

namespace cobra::train::testing {

using cobra::testing::reference;

/// training.safetensors and training.json of the set in use.
class ReferenceTraining {
 public:
  ReferenceTraining() : json_(read_json(reference("training.json"))) {
    for (auto& [name, tensor] : read_tensor_file(reference("training.safetensors")))
      tensors_.emplace(name, tensor);
  }

  const Json& json() const { return json_; }
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  const Tensor& at(const std::string& name) const {
    const auto found = tensors_.find(name);
    check(found != tensors_.end(), "training.safetensors: no tensor '{}'", name);
    return found->second;
  }

  Batch batch(const std::string& name, const ModelConfig& config) const {
    return {at(name + ".input_ids"),
            at(name + ".labels"),
            at(name + ".multimodal_indices"),
            pixels(json_["images"][name], config),
            {}};
  }

  /// Pictures of the entries that are names; null stands for none.
  static std::vector<Tensor> pixels(const Json& names, const ModelConfig& config) {
    std::vector<Image> pictures;
    for (const Json& name : names) {
      if (name.is_string()) pictures.push_back(Image::load(reference("image/" + name.get<std::string>())));
    }
    return pixel_values(config, pictures);
  }

 private:
  Json json_;
  std::map<std::string, Tensor> tensors_;
};

inline SourceOptions reference_source() {
  SourceOptions options;
  options.files.run_dir = reference("checkpoint");
  options.files.dino = reference("checkpoint/dino.safetensors");
  options.files.siglip = reference("checkpoint/siglip.safetensors");
  options.files.dims = reference("dims.json");
  return options;
}

inline CobraVlm reference_vlm(const ModelOptions& options = {}) {
  const ModelSource source = open_source(reference_source(), 1);
  CobraVlm model(source.config, options);
  source.fill(model.parameters());
  return model;
}

inline std::span<const float> floats(const Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

/// Largest difference over the largest expected magnitude.
inline double relative_error(const Tensor& actual, const Tensor& expected) {
  if (actual.sizes() != expected.sizes()) return HUGE_VAL;
  return cobra::testing::relative_error(floats(actual.detach().contiguous()), floats(expected.contiguous()));
}

}  // namespace cobra::train::testing
