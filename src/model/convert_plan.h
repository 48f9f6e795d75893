// The tensors of a conversion: every source tensor checked and paired with the tensor of the model file that
// it becomes. Nothing is written here; values are read when the plan is carried out.
#pragma once

#include <string>
#include <vector>

#include "cobra/config.h"
#include "model/convert_source.h"
#include "model/tensor_output.h"

namespace cobra {

/// What will be written, in file order.
struct Plan {
  ModelConfig config;
  std::vector<OutputTensor> tensors;
  std::vector<std::string> notes;  // remarks for the user
};

/// A timm state dict, or open_clip's: the same names behind a prefix, beside the text model that is not used.
SourceTensors open_tower(const std::string& path);
/// Position embeddings of another grid are resampled.
void plan_tower(const TowerConfig& tower, SourceTensors& source, DType type, Plan& plan);

/// The embedding's name, the one in which mamba_ssm and transformers differ.
std::string embedding_name(const SourceTensors& source);
/// `plan.config.mamba` from `source`. `head_required`: an official checkpoint always has lm_head; Hugging
/// Face's files leave a tied one out.
void plan_language_model(SourceTensors& source, bool head_required, DType type, Plan& plan);

void plan_projector(const ProjectorConfig& projector, SourceTensors& source, DType type, Plan& plan);

}  // namespace cobra
