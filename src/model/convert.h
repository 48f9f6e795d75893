// From the officially published files to one GGUF. What is read: an official run folder (config.json and
// checkpoints/latest-checkpoint.pt), timm vision towers, Mamba language models, a Hugging Face
// tokenizer.json.
#pragma once

#include <functional>
#include <string>

#include "base/dtype.h"
#include "model/tensor_output.h"

namespace cobra {

/// Paths; an empty one is not given. Three uses: a run with its towers -> a whole model; `llm` alone -> a
/// language model (general.architecture "mamba"); towers alone -> a file that training starts from.
struct ConvertOptions {
  std::string run_dir;     // holds config.json
  std::string checkpoint;  // default: run_dir/checkpoints/latest-checkpoint.pt
  std::string dino;        // timm state dicts: safetensors or torch
  std::string siglip;
  std::string clip;
  std::string llm;         // a language model's weights
  std::string tokenizer;   // tokenizer.json; without it the model works with token ids only
  std::string llm_config;  // the language model's config.json: checked against the weights
  std::string dims;        // what a state dict cannot tell, in the format of the reference data's dims.json
  DType type = DType::bf16;
  std::string output;
  int threads = 1;
  Progress progress;                             // may be empty
  std::function<void(const std::string&)> note;  // remarks for the user; may be empty
};

/// Checks everything, then writes `output`; one tensor is in memory at a time. Throws Error naming file,
/// tensor or field, what was expected and what was found; then there is no output file.
void convert(const ConvertOptions& options);

}  // namespace cobra
