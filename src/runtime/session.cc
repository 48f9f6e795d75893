#include "cobra/session.h"

#include <algorithm>
#include <utility>

#include "base/fail.h"
#include "runtime/session_file.h"
#include "runtime/session_impl.h"

namespace cobra {

int64_t checked_chunk(int64_t chunk) {
  constexpr int64_t kMaxChunk = 1 << 16;
  check(chunk >= 0 && chunk <= kMaxChunk, "chunk: expected 0 (the default) to {}, found {}", kMaxChunk,
        chunk);
  return chunk == 0 ? kDefaultChunk : chunk;
}

void check_ids(const ModelConfig& config, std::span<const int32_t> ids) {
  const int vocabulary = config.mamba.vocab_size;
  for (const int32_t id : ids) {
    check(id >= 0 && id < vocabulary, "token id {}: expected 0 to {}", id, vocabulary - 1);
  }
}

Session::Impl::Impl(const Model& model_, MambaState state_)
    : model(&model_), state(std::move(state_)), logits(model_.config().mamba.vocab_size) {}

Kernels Session::Impl::kernels(Phase phase) { return {model->runtime(), workspace, phase}; }

void Session::Impl::check_whole() const {
  check(!broken_off, "session: an earlier read was broken off by an exception; its state is of no use");
}

void Session::Impl::begin_read() {
  check_whole();
  broken_off = true;
}

void Session::Impl::forward(TensorView<float> x, Phase phase) {
  const ModelParts& parts = model->parts();
  const MambaSequence sequence{&state, x.rows};
  mamba_forward(kernels(phase), parts.config.mamba, parts.mamba, std::span(&sequence, 1), scratch, x,
                {logits.data(), 1, logits.size()}, trace);
}

TensorView<float> Session::Impl::embed(std::span<const int32_t> ids) {
  const MambaConfig& c = model->config().mamba;
  const TensorView<float> x(scratch.embedded.get(std::ssize(ids) * c.d_model), std::ssize(ids), c.d_model);
  for (int64_t i = 0; i < x.rows; ++i)
    copy_row(model->parts().mamba.embedding, ids[static_cast<size_t>(i)], x.row(i));
  return x;
}

TensorView<const float> Session::Impl::read_ahead(std::span<const int32_t> ids) {
  const ModelParts& parts = model->parts();
  const MambaConfig& c = parts.config.mamba;
  check_ids(parts.config, ids);
  check_whole();
  while (std::ssize(ahead) < std::ssize(ids)) ahead.emplace_back(c);
  scratch.sequences.clear();
  for (size_t i = 0; i < ids.size(); ++i) {
    scratch.sequences.push_back({&ahead[i], 1, i == 0 ? &state : &ahead[i - 1]});
  }
  const TensorView<float> out(ahead_logits.get(std::ssize(ids) * c.vocab_size), std::ssize(ids),
                              c.vocab_size);
  mamba_forward(kernels(Phase::decode), c, parts.mamba, scratch.sequences, scratch, embed(ids), out, nullptr);
  return out;
}

void Session::Impl::keep_ahead(int64_t count) {
  const int64_t vocabulary = logits.size();
  std::swap(state, ahead[static_cast<size_t>(count - 1)]);
  std::copy_n(ahead_logits.get(count * vocabulary) + (count - 1) * vocabulary, vocabulary, logits.data());
}

Session::Session(const Model& model)
    : impl_(std::make_unique<Impl>(model, MambaState(model.config().mamba))) {}
Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

void Session::read_embeddings(TensorView<const float> embeddings, int64_t chunk) {
  const int64_t step = checked_chunk(chunk), d_model = model().config().mamba.d_model;
  check(embeddings.cols == d_model, "embeddings: expected {} columns, found {}", d_model, embeddings.cols);
  impl_->begin_read();
  for (int64_t first = 0; first < embeddings.rows; first += step) {
    const int64_t rows = std::min(step, embeddings.rows - first);
    const TensorView<float> x(impl_->scratch.embedded.get(rows * d_model), rows, d_model);
    for (int64_t r = 0; r < rows; ++r) std::copy_n(embeddings.row(first + r), d_model, x.row(r));
    impl_->forward(x, Phase::prefill);
  }
  impl_->end_read();
}

void Session::read_tokens(std::span<const int32_t> ids, int64_t chunk) {
  const int64_t step = checked_chunk(chunk);
  check_ids(model().config(), ids);
  impl_->begin_read();
  for (int64_t first = 0; first < std::ssize(ids); first += step) {
    const int64_t rows = std::min(step, std::ssize(ids) - first);
    const TensorView<float> x =
        impl_->embed(ids.subspan(static_cast<size_t>(first), static_cast<size_t>(rows)));
    if (impl_->trace) impl_->trace("token_embeddings", {x.rows, x.cols}, x.data);
    impl_->forward(x, Phase::prefill);
  }
  impl_->end_read();
}

void Session::step(int32_t id) {
  const std::span<const int32_t> ids(&id, 1);
  check_ids(model().config(), ids);
  impl_->begin_read();
  impl_->forward(impl_->embed(ids), Phase::decode);
  impl_->end_read();
}

std::span<const float> Session::logits() const {
  impl_->check_whole();
  check(position() > 0, "session: no logits yet: nothing has been read");
  return {impl_->logits.data(), static_cast<size_t>(impl_->logits.size())};
}

int64_t Session::position() const {
  impl_->check_whole();
  return impl_->state.position;
}

Session Session::fork() const {
  impl_->check_whole();
  auto copy = std::make_unique<Impl>(*impl_->model, impl_->state.clone());
  std::copy_n(impl_->logits.data(), impl_->logits.size(), copy->logits.data());
  return Session(std::move(copy));
}

void Session::save(const std::string& path) const {
  impl_->check_whole();
  AtomicFile file(path);
  write_session(*this, file);
  file.commit();
}

void write_session(const Session& session, AtomicFile& file) {
  const AlignedBuffer<float>& logits = session.impl().logits;
  write_session_file(
      file, {session.model().fingerprint(), session.position(), session.conv_state(), session.ssm_state(),
             std::vector<float>(logits.data(), logits.data() + logits.size())});
}

Session Session::load(const Model& model, const std::string& path) {
  const MambaConfig& c = model.config().mamba;
  const SessionFile file = read_session_file(path, c, model.fingerprint());
  Session session(model);
  session.impl_->state.import(file.conv, file.ssm);
  session.impl_->state.position = file.position;
  std::copy(file.logits.begin(), file.logits.end(), session.impl_->logits.begin());
  return session;
}

int64_t Session::state_bytes() const { return impl_->state.bytes(); }

std::vector<float> Session::conv_state() const {
  impl_->check_whole();
  return impl_->state.export_conv();
}

std::vector<float> Session::ssm_state() const {
  impl_->check_whole();
  return impl_->state.export_ssm();
}

void Session::set_trace(TraceSink trace) { impl_->trace = std::move(trace); }
const Model& Session::model() const { return *impl_->model; }

}  // namespace cobra
