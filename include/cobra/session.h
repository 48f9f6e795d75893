// The recurrent state of one conversation.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cobra/model.h"
#include "cobra/tensor_view.h"

namespace cobra {

/// Mutable state of fixed size: what the language model remembers of everything it has read. Move-only; a
/// copy is an explicit `fork`. Points to its Model, which must outlive it and stay where it is. One thread at
/// a time; several sessions of one model may run in parallel. When a read throws anything but the Errors
/// named below (no memory, a trace sink that throws), parts of it may have been read: from then on the
/// session throws Error whatever is asked of it, but for its model and its size.
class Session {
 public:
  explicit Session(const Model& model);
  explicit Session(const Model&&) = delete;
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  /// Reads embeddings [tokens, d_model] (a picture, or what trace wants) in chunks of `chunk` tokens, at most
  /// 65536 (0: 1024). Throws Error for another number of columns, and a chunk out of range.
  void read_embeddings(TensorView<const float> embeddings, int64_t chunk = 0);
  /// Reads token ids as prompt. Afterwards logits() are those of the next token. Throws Error for an id or a
  /// chunk out of range.
  void read_tokens(std::span<const int32_t> ids, int64_t chunk = 0);
  /// Reads one generated token with the decode kernels. Allocates nothing once a token has been read so.
  void step(int32_t id);

  /// Logits of the next token [vocab_size]; valid until the next read. Throws Error when nothing has been
  /// read.
  std::span<const float> logits() const;
  /// Tokens and patches read so far.
  int64_t position() const;

  /// An independent copy of the state (scratch memory is not copied).
  Session fork() const;
  /// Writes the state atomically; `load` gives it back bit-exactly and throws Error for another model's
  /// state, a torn file, or a newer format.
  void save(const std::string& path) const;
  static Session load(const Model& model, const std::string& path);
  static Session load(const Model&&, const std::string&) = delete;

  /// Bytes of recurrent state, without the scratch memory that the session keeps from one read to the next.
  int64_t state_bytes() const;
  /// The state in the official layout: conv [n_layer, d_inner, d_conv], ssm [n_layer, d_inner, d_state].
  std::vector<float> conv_state() const;
  std::vector<float> ssm_state() const;

  /// Names intermediates of the following reads of this session alone: `token_embeddings` (of token ids read
  /// as prompt), `layer{i}.hidden`, `norm_f` and `logits`, each for every position of a chunk and again for
  /// the next chunk. Not of reads in a batch (session_batch.h), of guessed tokens
  /// (GenerateOptions::speculate) and of forks.
  void set_trace(TraceSink trace);

  const Model& model() const;

  /// For cobra's own sources.
  struct Impl;
  Impl& impl() { return *impl_; }
  const Impl& impl() const { return *impl_; }

 private:
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cobra
