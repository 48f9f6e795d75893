// A batch from explicit tensors, as the reference data has them.
#pragma once

#include <string>

#include "cobra/config.h"
#include "train/step/batch.h"

namespace cobra::train {

/// Tensors `<name>.input_ids`, `.labels`, `.multimodal_indices` of a safetensors file. Pictures are files in
/// `images_dir`; the JSON beside the file, of the same name, lists them by row under `images.<name>`, null
/// for a row without one. Throws Error naming file and field.
Batch read_batch(const std::string& path, const std::string& name, const std::string& images_dir,
                 const ModelConfig& config);

}  // namespace cobra::train
