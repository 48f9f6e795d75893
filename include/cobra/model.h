// A loaded model: configuration, tokenizer and weights.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cobra/config.h"
#include "cobra/image.h"
#include "cobra/runtime.h"
#include "cobra/tensor_view.h"
#include "cobra/trace.h"

namespace cobra {

class Tokenizer;
struct ModelParts;

/// Embeddings of one picture as the language model reads them: [tokens, d_model].
struct ImageEmbedding {
  int64_t tokens = 0;
  int64_t d_model = 0;
  std::vector<float> values;
  double preprocess_ms = 0;  // resize and normalise
  double vision_ms = 0;      // towers and projector

  TensorView<const float> view() const { return {values.data(), tokens, d_model}; }
};

/// Immutable after `load` and safe to share between threads. Weights are mapped from the file; quantised ones
/// are packed once: the language model's at load, the towers' at the first picture.
class Model {
 public:
  /// Opens a GGUF: general.architecture "cobra", or "mamba" for text alone. Checks every tensor's name, type
  /// and shape. Throws Error naming the file and what is wrong.
  static Model load(const std::string& path, const Runtime& runtime);
  ~Model();
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;

  const ModelConfig& config() const;
  const Runtime& runtime() const;
  /// Identifies the weights and configuration: sessions saved with one model load only into the same (64-bit
  /// hash of the file's metadata but the tokenizer's, and of samples of every tensor).
  uint64_t fingerprint() const;
  int64_t file_bytes() const;
  /// Bytes of language-model weights that one decoded token reads.
  int64_t decode_bytes() const;

  /// Token ids of a text as it is. Throws Error for a model without a tokenizer.
  std::vector<int32_t> encode(std::string_view text) const;
  /// The first question of a conversation in the model's prompt template, which, as the official one, leaves
  /// out "<image>" and outer white space. Errors as above.
  std::vector<int32_t> encode_question(std::string_view question) const;
  /// A later one, for a session that has read the answer before it to its last token (`read_last` of
  /// `generate`). `answer_ended`: that was the end token (StopReason::eos); an answer that was cut off gets
  /// one in front of the question.
  std::vector<int32_t> encode_next_question(std::string_view question, bool answer_ended) const;
  /// The text of generated ids: the official decoding (special tokens skipped, clean-up, stripped). Ids out
  /// of range have none. Errors as above.
  std::string decode(const std::vector<int32_t>& ids) const;

  /// Preprocesses a picture and runs towers and projector. Throws Error when the model has no towers, for an
  /// empty picture, and for one whose pixels are not width x height x 3 bytes.
  ImageEmbedding embed(const Image& image, const TraceSink& trace = nullptr) const;

  /// For cobra's own sources. The tokenizer is nullptr in a model that has none and works with token ids
  /// only.
  const Tokenizer* tokenizer() const;
  const ModelParts& parts() const { return *parts_; }

 private:
  explicit Model(std::unique_ptr<ModelParts> parts);
  std::unique_ptr<ModelParts> parts_;
};

}  // namespace cobra
