// Flags that the trainer's commands share: where the model comes from and how it is trained.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "train/model/cobra_vlm.h"
#include "train/model/load.h"

namespace cobra::train {

struct ModelFlags {
  SourceOptions source;
  std::string projector;  // "": fused-gelu-mlp
  std::string stage = "finetune";
  std::string precision;
  bool checkpointing = false;
  int64_t threads = 0;
};

/// -m, --run, --checkpoint, --llm, --dino, --siglip, --clip-tower (--clip is a norm here), --tokenizer,
/// --dims, --projector, --stage, --precision,
/// --checkpointing,
/// --threads. `precision` is the default.
void add_model_flags(CLI::App& command, ModelFlags& flags, const std::string& precision);

/// Sets the number of threads of libtorch, and so of everything that shares OpenMP's team; returns it.
int use_threads(const ModelFlags& flags);

/// The model of the flags, loaded, with progress on a terminal.
struct OpenedModel {
  CobraVlm model;
  std::optional<TokenizerData> tokenizer;
};
OpenedModel open_model(const ModelFlags& flags);

}  // namespace cobra::train
