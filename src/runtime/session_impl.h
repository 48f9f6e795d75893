// What a Session is made of; for cobra's own sources.
#pragma once

#include <cstdint>
#include <span>

#include "base/aligned_buffer.h"
#include "cobra/session.h"
#include "lm/mamba.h"
#include "model/model_parts.h"

namespace cobra {

/// Tokens a prefill step reads together: enough that expanding the weights is paid for, few enough that
/// activations take about 100 MB on the 3B model.
inline constexpr int64_t kDefaultChunk = 1024;

/// `chunk`, or the default for 0. Throws Error when it is out of range.
int64_t checked_chunk(int64_t chunk);
/// Throws Error naming an id that the model's vocabulary does not have.
void check_ids(const ModelConfig& config, std::span<const int32_t> ids);

struct Session::Impl {
  const Model* model;
  MambaState state;
  Workspace workspace;
  MambaScratch scratch;
  AlignedBuffer<float> logits;  // [vocab]
  Scratch<float> batch_logits;  // [sessions, vocab] where this session is the first of a batch
  TraceSink trace;

  Impl(const Model& model_, MambaState state_);
  Kernels kernels(Phase phase);
  /// Reads x [L, d_model] (changed) and makes the logits.
  void forward(TensorView<float> x, Phase phase);
  /// Token embeddings of ids [count, d_model] in scratch memory.
  TensorView<float> embed(std::span<const int32_t> ids);
};

}  // namespace cobra
