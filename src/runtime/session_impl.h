// What a Session is made of; for cobra's own sources.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/file.h"
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

/// What Session::save writes. Throws Error when a read was broken off.
void write_session(const Session& session, AtomicFile& file);

struct Session::Impl {
  const Model* model;
  MambaState state;
  Workspace workspace;
  MambaScratch scratch;
  AlignedBuffer<float> logits;  // [vocab]
  Scratch<float> batch_logits;  // [sessions, vocab] where this session is the first of a batch
  bool broken_off = false;      // a read threw, or is under way
  TraceSink trace;
  std::vector<MambaState> ahead;  // after each token of the last read_ahead
  Scratch<float> ahead_logits;    // [tokens, vocab]

  Impl(const Model& model_, MambaState state_);
  Kernels kernels(Phase phase);
  /// Throws Error when a read was broken off.
  void check_whole() const;
  /// Around what changes the state; end_read is not reached when an exception breaks it off.
  void begin_read();
  void end_read() { broken_off = false; }
  /// Reads x [L, d_model] (changed) and makes the logits.
  void forward(TensorView<float> x, Phase phase);
  /// Token embeddings of ids [count, d_model] in scratch memory.
  TensorView<float> embed(std::span<const int32_t> ids);
  /// Reads tokens that may turn out wrong, in one pass, as Session::step would one by one (the same bits),
  /// and leaves the session as it was: logits [tokens, vocab] after each, valid until the next read.
  TensorView<const float> read_ahead(std::span<const int32_t> ids);
  /// The first `count` tokens of the last read_ahead, 1 at least, have been read.
  void keep_ahead(int64_t count);
};

}  // namespace cobra
