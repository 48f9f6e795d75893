#include "cobra/image_cache.h"

#include <list>
#include <mutex>
#include <optional>
#include <utility>

#include "base/fail.h"
#include "base/hash.h"
#include "base/stopwatch.h"
#include "runtime/image_folder.h"
#include "runtime/session_impl.h"

namespace cobra {
namespace {

/// To be raised by whatever changes the bits of a picture's state: states that were kept are read anew then.
constexpr int kPictureNumerics = 8;

/// What the bits of every picture's state depend on.
std::string key_of(const Model& model, int64_t chunk) {
  const Runtime& runtime = model.runtime();
  const BlockUnit* block_unit = runtime.kernels().block_unit;
  return fmt::format("{} {} {:016x} {} {} {} {} {} {}", COBRA_VERSION, kPictureNumerics, model.fingerprint(),
                     runtime.isa(), runtime.bf16_products(), block_unit ? block_unit->name : "none",
                     static_cast<int>(runtime.numerics().state), runtime.numerics().w8a8, chunk);
}

std::string key_of(const std::string& common, const Image& image) {
  Hasher hasher;
  hasher.add(fmt::format("{} {}x{} ", common, image.width, image.height));
  hasher.add(std::as_bytes(std::span(image.pixels)));
  return to_hex(hasher.digest());
}

int64_t bytes_of(const Session& session) {
  return session.state_bytes() +
         int64_t{session.model().config().mamba.vocab_size} * static_cast<int64_t>(sizeof(float));
}

PictureState read_anew(const Model& model, const Image& image, int64_t chunk) {
  const ImageEmbedding embedding = model.embed(image);
  PictureState state{.session = Session(model),
                     .tokens = embedding.tokens,
                     .preprocess_ms = embedding.preprocess_ms,
                     .vision_ms = embedding.vision_ms};
  const Stopwatch reading;
  state.session.read_embeddings(embedding.view(), chunk);
  state.prefill_ms = reading.elapsed_ms();
  return state;
}

/// States in memory, the one used last in front.
class RecentStates {
 public:
  explicit RecentStates(int64_t limit_bytes) : limit_(limit_bytes) {}

  std::optional<Session> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->first != key) continue;
      entries_.splice(entries_.begin(), entries_, it);
      return entries_.front().second.fork();
    }
    return std::nullopt;
  }

  void put(const std::string& key, const Session& session) {
    if (bytes_of(session) > limit_) return;
    const std::lock_guard lock(mutex_);
    for (const auto& [known, ignored] : entries_) {
      if (known == key) return;  // another thread read the same picture
    }
    entries_.emplace_front(key, session.fork());
    bytes_ += bytes_of(session);
    for (; bytes_ > limit_; entries_.pop_back()) bytes_ -= bytes_of(entries_.back().second);
  }

  int64_t limit_bytes() const { return limit_; }
  int64_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  const int64_t limit_;
  mutable std::mutex mutex_;
  std::list<std::pair<std::string, Session>> entries_;  // few and large: looking through them costs nothing
  int64_t bytes_ = 0;
};

}  // namespace

struct ImageCache::Impl {
  const Model* model;
  int64_t chunk;
  RecentStates recent;
  std::optional<ImageFolder> folder = std::nullopt;
  std::string common_key = {};

  bool keeps_any() const { return folder || recent.limit_bytes() > 0; }
  std::optional<Session> find(const std::string& key) {
    std::optional<Session> found = recent.find(key);
    if (found && folder) folder->touch(key);
    if (found || !folder) return found;
    found = folder->find(*model, key);
    if (found && found->position() != model->config().image_tokens()) found.reset();
    if (found) recent.put(key, *found);
    return found;
  }
  void keep(const std::string& key, PictureState& state) {
    recent.put(key, state.session);
    try {
      if (folder) folder->put(key, state.session);
    } catch (const Error& error) {
      state.not_kept = error.what();
    }
  }
};

ImageCache::ImageCache(const Model& model, ImageCacheOptions options)
    : impl_(new Impl{&model, checked_chunk(options.chunk), RecentStates(options.memory_bytes)}) {
  check(options.memory_bytes >= 0, "memory_bytes: expected 0 or more, found {}", options.memory_bytes);
  check(options.folder_bytes >= 0, "folder_bytes: expected 0 or more, found {}", options.folder_bytes);
  if (!options.folder.empty()) impl_->folder.emplace(options.folder, options.folder_bytes);
  if (impl_->keeps_any()) impl_->common_key = key_of(model, impl_->chunk);
}
ImageCache::~ImageCache() = default;
ImageCache::ImageCache(ImageCache&&) noexcept = default;
ImageCache& ImageCache::operator=(ImageCache&&) noexcept = default;

PictureState ImageCache::read(const Image& image) {
  if (!impl_->keeps_any()) return read_anew(*impl_->model, image, impl_->chunk);
  const Stopwatch finding;
  const std::string key = key_of(impl_->common_key, image);
  if (std::optional<Session> found = impl_->find(key)) {
    const int64_t tokens = found->position();
    return {
        .session = std::move(*found), .tokens = tokens, .cached = true, .prefill_ms = finding.elapsed_ms()};
  }
  PictureState state = read_anew(*impl_->model, image, impl_->chunk);
  impl_->keep(key, state);
  return state;
}

int64_t ImageCache::memory_bytes() const { return impl_->recent.bytes(); }

}  // namespace cobra
