#include "cobra/session_batch.h"

#include <algorithm>

#include "base/fail.h"
#include "runtime/session_impl.h"

namespace cobra {
namespace {

/// A part of one session's prompt that a forward pass reads.
struct Piece {
  Session* session;
  std::span<const int32_t> ids;
  bool first = true, last = true;  // of the prompt
};

void check_batch(std::span<Session* const> sessions, size_t given) {
  check(given == sessions.size(), "batch: expected one input for each of {} sessions, found {}",
        sessions.size(), given);
  for (size_t i = 0; i < sessions.size(); ++i) {
    check(sessions[i] != nullptr, "batch: session {} is null", i);
    check(&sessions[i]->model() == &sessions[0]->model(), "batch: session {} belongs to another model", i);
    check(std::find(sessions.begin(), sessions.begin() + static_cast<std::ptrdiff_t>(i), sessions[i]) ==
              sessions.begin() + static_cast<std::ptrdiff_t>(i),
          "batch: session {} stands in it twice", i);
    sessions[i]->impl().check_whole();
  }
}

/// One pass over the pieces. Scratch memory is the first session's.
void forward(std::span<const Piece> pieces, Phase phase) {
  Session::Impl& first = pieces[0].session->impl();
  const ModelParts& parts = first.model->parts();
  const MambaConfig& c = parts.config.mamba;
  std::vector<MambaSequence>& sequences = first.scratch.sequences;
  std::vector<int32_t>& ids = first.scratch.ids;
  sequences.clear(), ids.clear();
  for (const Piece& piece : pieces) {
    sequences.push_back({&piece.session->impl().state, std::ssize(piece.ids)});
    ids.insert(ids.end(), piece.ids.begin(), piece.ids.end());
  }
  for (const Piece& piece : pieces) {
    if (piece.first) piece.session->impl().begin_read();
  }
  const TensorView<float> x = first.embed(ids);
  const TensorView<float> logits(first.batch_logits.get(std::ssize(pieces) * c.vocab_size),
                                 std::ssize(pieces), c.vocab_size);
  mamba_forward(first.kernels(phase), c, parts.mamba, sequences, first.scratch, x, logits, nullptr);
  for (int64_t i = 0; i < logits.rows; ++i) {
    Session::Impl& session = pieces[static_cast<size_t>(i)].session->impl();
    std::copy_n(logits.row(i), c.vocab_size, session.logits.data());
    if (pieces[static_cast<size_t>(i)].last) session.end_read();
  }
}

}  // namespace

void read_tokens(std::span<Session* const> sessions, std::span<const std::vector<int32_t>> prompts,
                 int64_t chunk) {
  const auto rows = static_cast<size_t>(checked_chunk(chunk));
  check_batch(sessions, prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) check_ids(sessions[i]->model().config(), prompts[i]);

  std::vector<Piece> pieces;
  size_t used = 0;
  const auto flush = [&] {
    if (!pieces.empty()) forward(pieces, Phase::prefill);
    pieces.clear(), used = 0;
  };
  for (size_t i = 0; i < prompts.size(); ++i) {
    std::span<const int32_t> rest(prompts[i]);
    while (!rest.empty()) {
      const size_t count = std::min(rest.size(), rows - used);
      pieces.push_back(
          {sessions[i], rest.first(count), rest.size() == prompts[i].size(), rest.size() == count});
      rest = rest.subspan(count), used += count;
      if (used == rows) flush();
    }
  }
  flush();
}

void step(std::span<Session* const> sessions, std::span<const int32_t> ids) {
  check_batch(sessions, ids.size());
  if (sessions.empty()) return;
  check_ids(sessions[0]->model().config(), ids);
  thread_local std::vector<Piece> pieces;
  pieces.clear();
  for (size_t i = 0; i < ids.size(); ++i) pieces.push_back({sessions[i], ids.subspan(i, 1)});
  forward(pieces, Phase::decode);
}

}  // namespace cobra
