// Models with random weights of true shapes, for load, memory and speed tests.
#pragma once

#include <cstdint>
#include <string>

#include "base/dtype.h"
#include "model/tensor_output.h"

namespace cobra {

struct InitOptions {
  std::string preset;  // see presets.h
  uint64_t seed = 0;
  DType type = DType::q8_0;
  std::string tokenizer;       // tokenizer.json; empty: the language model's, or one token a byte
  std::string towers;          // GGUF whose vision towers are taken instead of random ones; may be empty
  std::string projector;       // likewise
  std::string language_model;  // likewise
  double state_decay = 1;      // how fast the recurrent states fade: times Mamba's initial A, or the donor's
  std::string output;
  int threads = 1;
  Progress progress;  // may be empty
};

/// Writes a model whose weights are a function of preset, seed and type alone, whatever the number of
/// threads. Their scales are those of the official initialisers, so that activations and logits stay in a
/// sane range through all layers. The vocabulary of the tiny and fashion presets grows to the tokenizer; the
/// others keep their 50280 rows. Parts of other models keep their values; they must have the preset's shapes,
/// or Error is thrown that names file and tensor.
void init_model(const InitOptions& options);

}  // namespace cobra
