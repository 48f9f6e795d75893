#include "cobra/model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <variant>

#include "base/fail.h"
#include "base/hash.h"
#include "base/stopwatch.h"
#include "image/transform.h"
#include "model/bind.h"
#include "model/model_parts.h"
#include "model/schema.h"
#include "tokenizer/prompt.h"

namespace cobra {
namespace {

/// A file of towers alone, which training starts from, is a valid file but not a model.
ModelConfig read_model_config(const GgufFile& file) {
  ModelConfig config = read_config(file);
  check(config.mamba.n_layer > 0, "{}: expected a language model, found vision towers only", file.path());
  return config;
}

std::unique_ptr<Tokenizer> load_tokenizer(const GgufFile& file) {
  if (!TokenizerData::in_gguf(file)) return nullptr;
  return std::make_unique<Tokenizer>(TokenizerData::from_gguf(file));
}

template <typename Value>
void add_bytes(Hasher& hasher, const Value* values, size_t count) {
  hasher.add(std::as_bytes(std::span(values, count)));
}

/// A value of metadata: numbers and texts by their bytes, lists one after the other.
struct AddToHash {
  Hasher& hasher;

  void operator()(const std::string& text) const { hasher.add(text); }
  template <typename Number>
  void operator()(Number number) const {
    add_bytes(hasher, &number, 1);
  }
  template <typename Value>
  void operator()(const std::vector<Value>& list) const {
    for (const Value& value : list) (*this)(value);
  }
};

/// The configuration: all metadata but the vocabulary, which the weights do not depend on.
void hash_configuration(Hasher& hasher, const GgufFile& file) {
  for (const auto& [key, value] : file.metadata()) {
    if (key.starts_with("tokenizer.")) continue;
    hasher.add(key);
    std::visit(AddToHash{hasher}, value);
  }
}

uint64_t fingerprint_of(const GgufFile& file) {
  constexpr size_t kSample = 256;  // bytes at the start, the middle and the end of each tensor
  Hasher hasher;
  hash_configuration(hasher, file);
  for (const TensorEntry& tensor : file.tensors()) {
    hasher.add(tensor.name);
    add_bytes(hasher, &tensor.type, 1);
    add_bytes(hasher, tensor.shape.data(), tensor.shape.size());
    const size_t size = tensor.bytes.size(), part = std::min(kSample, size);
    for (const size_t at : {size_t{0}, (size - part) / 2, size - part})
      hasher.add(tensor.bytes.subspan(at, part));
  }
  uint64_t fingerprint = 0;
  std::memcpy(&fingerprint, hasher.digest().data(), sizeof fingerprint);
  return fingerprint;
}

void trace_tensor(const TraceSink& trace, const std::string& name, std::vector<int64_t> shape,
                  const float* values) {
  if (trace) trace(name, shape, values);
}

}  // namespace

ModelParts::ModelParts(const std::string& path, const Runtime& runtime_)
    : runtime(runtime_),
      file(path),
      config(read_model_config(file)),
      tokenizer(load_tokenizer(file)),
      store(file, runtime.threads()),
      mamba(bind_mamba(config.mamba, store)) {
  if (tokenizer) {
    const int64_t tokens = std::ssize(tokenizer->data().tokens);
    check(tokens <= config.mamba.vocab_size, "{}: the tokenizer has {} tokens, but the embedding has {} rows",
          path, tokens, config.mamba.vocab_size);
  }
  // Towers and projector are packed later, but a file that lacks one of their tensors is refused now.
  if (!config.has_vision()) return;
  const auto expect = [&](const TensorSpec& spec) { weight_tensor(file, spec.name, spec.shape); };
  std::ranges::for_each(projector_specs(config.projector), expect);
  for (const TowerConfig& tower : config.towers) std::ranges::for_each(tower_specs(tower), expect);
}

const VisionParts& ModelParts::vision_parts() {
  std::call_once(vision_once, [this] {
    auto parts = std::make_unique<VisionParts>(VisionParts{WeightStore(file, runtime.threads()), {}, {}});
    for (const TowerConfig& tower : config.towers) parts->towers.push_back(bind_tower(tower, parts->store));
    parts->projector = bind_projector(config.projector, parts->store);
    vision = std::move(parts);
  });
  return *vision;
}

uint64_t ModelParts::fingerprint() {
  std::call_once(fingerprint_once, [this] { fingerprint_value = fingerprint_of(file); });
  return fingerprint_value;
}

Model::Model(std::unique_ptr<ModelParts> parts) : parts_(std::move(parts)) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

Model Model::load(const std::string& path, const Runtime& runtime) {
  return Model(std::make_unique<ModelParts>(path, runtime));
}

const ModelConfig& Model::config() const { return parts_->config; }
const Runtime& Model::runtime() const { return parts_->runtime; }
const Tokenizer* Model::tokenizer() const { return parts_->tokenizer.get(); }
int64_t Model::file_bytes() const { return parts_->file.file_bytes(); }

uint64_t Model::fingerprint() const { return parts_->fingerprint(); }

int64_t Model::decode_bytes() const {
  int64_t bytes = 0;
  for (const auto& read : parts_->mamba.decode_reads(config().mamba)) bytes += std::ssize(read);
  return bytes;
}

const Tokenizer& ModelParts::needed_tokenizer() const {
  check(tokenizer != nullptr, "{}: this model has no tokenizer and works with token ids only", file.path());
  return *tokenizer;
}

std::vector<int32_t> Model::encode(std::string_view text) const {
  return parts_->needed_tokenizer().encode(text);
}

std::string Model::decode(const std::vector<int32_t>& ids) const {
  return parts_->needed_tokenizer().decode_answer(ids);
}

std::vector<int32_t> Model::encode_question(std::string_view question) const {
  return encode(single_turn_prompt(parse_prompt_template(config().prompt_template), question));
}

std::vector<int32_t> Model::encode_next_question(std::string_view question, bool answer_ended) const {
  return encode(later_turn_prompt(parse_prompt_template(config().prompt_template), question, answer_ended));
}

ImageEmbedding Model::embed(const Image& image, const TraceSink& trace) const {
  const ModelConfig& c = config();
  check(c.has_vision(), "{}: this model has no vision towers and cannot read a picture", parts_->file.path());
  const VisionParts& vision = parts_->vision_parts();
  const ResizeStrategy strategy = parse_resize_strategy(c.resize_strategy);
  Workspace workspace;
  const Kernels k(parts_->runtime, workspace, Phase::prefill);

  ImageEmbedding embedding;
  const int64_t patches = c.towers.front().patches();
  AlignedBuffer<float> features(patches * c.projector.in);
  const TensorView<float> fused(features.data(), patches, c.projector.in);
  int64_t first_col = 0;
  for (size_t i = 0; i < c.towers.size(); ++i) {
    const TowerConfig& tower = c.towers[i];
    const int64_t pixels = int64_t{tower.image_size} * tower.image_size;
    const Stopwatch preprocessing;
    AlignedBuffer<float> values(3 * pixels);
    const TensorView<float> pixel_values(values.data(), 3, pixels);
    preprocess(image, tower.image_size, strategy, {tower.mean, tower.std}, pixel_values);
    embedding.preprocess_ms += preprocessing.elapsed_ms();
    trace_tensor(trace, "pixel_values." + tower.name, {3, tower.image_size, tower.image_size}, values.data());

    const Stopwatch seeing;
    vit_forward(k, tower, vision.towers[i], pixel_values, fused.slice_cols(first_col, tower.embed_dim),
                trace);
    embedding.vision_ms += seeing.elapsed_ms();
    if (trace) {
      std::vector<float> own;
      for (int64_t r = 0; r < patches; ++r) {
        own.insert(own.end(), fused.row(r) + first_col, fused.row(r) + first_col + tower.embed_dim);
      }
      trace(tower.name + ".features", {patches, tower.embed_dim}, own.data());
    }
    first_col += tower.embed_dim;
  }
  trace_tensor(trace, "fused_features", {patches, c.projector.in}, features.data());

  const Stopwatch projecting;
  const AlignedBuffer<float> projected = project(k, c.projector, vision.projector, fused);
  embedding.tokens = c.image_tokens();
  embedding.d_model = c.projector.out;
  embedding.values.assign(projected.data(), projected.data() + projected.size());
  embedding.vision_ms += projecting.elapsed_ms();
  trace_tensor(trace, "projector.output", {embedding.tokens, embedding.d_model}, embedding.values.data());
  return embedding;
}

}  // namespace cobra
