#include "train/run/llava_data.h"

#include <algorithm>
#include <filesystem>
#include <random>

#include "base/fail.h"
#include "formats/json.h"
#include "tokenizer/prompt.h"
#include "train/step/pictures.h"

namespace cobra::train {
namespace {

constexpr int64_t kMaxJsonBytes = int64_t{8} << 30;

struct Turn {
  bool answer;
  std::string text;
};

struct Example {
  std::string id, image;
  std::vector<Turn> turns;
};

struct Tokens {
  std::vector<int64_t> ids, labels;
};

Example read_example(const Json& json, const std::string& where) {
  check(json.is_object(), "{}: expected an object", where);
  Example example;
  const Json* id = json_find(json, "id");
  if (id) example.id = id->is_string() ? id->get<std::string>() : id->dump();
  example.image = json_text(json, "image", where, "");
  const Json* turns = json_find(json, "conversations");
  check(turns && turns->is_array() && turns->size() >= 2, "{}: 'conversations' must be a list of turns",
        where);
  for (const Json& turn : *turns) {
    const std::string from = json_text(turn, "from", where);
    check(from == (example.turns.size() % 2 == 0 ? "human" : "gpt"), "{}: turn {} is from '{}'", where,
          example.turns.size(), printable(from));
    example.turns.push_back({from == "gpt", json_text(turn, "value", where)});
  }
  return example;
}

class LlavaData final : public TrainingData {
 public:
  LlavaData(const LlavaOptions& options, const ModelConfig& config, const TokenizerData& tokenizer)
      : options_(options),
        config_(config),
        template_(parse_prompt_template(config.prompt_template)),
        tokenizer_(tokenizer) {
    const Json json = read_json(options.data, kMaxJsonBytes);
    check(json.is_array() && !json.empty(), "{}: expected a list of examples", options.data);
    for (size_t i = 0; i < json.size(); ++i) {
      examples_.push_back(read_example(json[i], fmt::format("{}: example {}", options.data, i)));
    }
  }

  int64_t examples() const override { return static_cast<int64_t>(examples_.size()); }

  std::string name(int64_t example) const override {
    const std::string& id = examples_[static_cast<size_t>(example)].id;
    return id.empty() ? fmt::format("{}", example) : fmt::format("{} ({})", example, printable(id));
  }

  std::vector<int64_t> order(int64_t epoch) const override {
    std::mt19937_64 random(options_.seed + static_cast<uint64_t>(epoch));
    std::vector<int64_t> all(examples_.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random() % i]);
    const auto global = static_cast<size_t>(options_.global_batch_size);
    for (size_t i = 0; all.size() % global != 0; ++i) all.push_back(all[i]);
    std::vector<int64_t> own;
    for (size_t i = static_cast<size_t>(options_.rank); i < all.size();
         i += static_cast<size_t>(options_.ranks))
      own.push_back(all[i]);
    return own;
  }

  LoadedBatch load(const std::vector<int64_t>& examples) const override {
    std::vector<Tokens> rows;
    std::vector<int64_t> with_picture;
    std::vector<Image> pictures;
    LoadedBatch loaded;
    int64_t T = 0;
    for (const int64_t index : examples) {
      const Example& example = examples_[static_cast<size_t>(index)];
      if (!example.image.empty()) {
        with_picture.push_back(static_cast<int64_t>(rows.size()));
        pictures.push_back(Image::load((std::filesystem::path(options_.images) / example.image).string()));
        loaded.tokens += config_.image_tokens();
      }
      rows.push_back(tokenize(example));
      T = std::max(T, static_cast<int64_t>(rows.back().ids.size()));
      loaded.tokens += static_cast<int64_t>(rows.back().ids.size());
    }
    loaded.batch.input_ids = torch::zeros({static_cast<int64_t>(rows.size()), T}, torch::kInt64);
    loaded.batch.labels = torch::full({static_cast<int64_t>(rows.size()), T}, kIgnoredLabel, torch::kInt64);
    for (size_t row = 0; row < rows.size(); ++row) {
      std::ranges::copy(rows[row].ids,
                        loaded.batch.input_ids.data_ptr<int64_t>() + static_cast<int64_t>(row) * T);
      std::ranges::copy(rows[row].labels,
                        loaded.batch.labels.data_ptr<int64_t>() + static_cast<int64_t>(row) * T);
    }
    loaded.batch.multimodal_indices = torch::tensor(with_picture, torch::kInt64);
    if (!pictures.empty()) loaded.batch.pixel_values = pixel_values(config_, pictures);
    return loaded;
  }

 private:
  LlavaOptions options_;
  ModelConfig config_;
  PromptTemplate template_;
  Tokenizer tokenizer_;
  std::vector<Example> examples_;

  Tokens tokenize(const Example& example) const {
    PromptBuilder builder(template_);
    Tokens tokens;
    for (const Turn& turn : example.turns) {
      const std::string text = turn.answer ? builder.add_answer(turn.text) : builder.add_user(turn.text);
      for (const int32_t id : tokenizer_.encode(text)) {
        tokens.ids.push_back(id);
        tokens.labels.push_back(turn.answer ? id : kIgnoredLabel);
      }
    }
    const auto limit = static_cast<size_t>(options_.max_length);
    tokens.ids.resize(std::min(tokens.ids.size(), limit));
    tokens.labels.resize(std::min(tokens.labels.size(), limit));
    return tokens;
  }
};

}  // namespace

std::unique_ptr<TrainingData> open_llava_data(const LlavaOptions& options, const ModelConfig& config,
                                              const TokenizerData& tokenizer) {
  return std::make_unique<LlavaData>(options, config, tokenizer);
}

}  // namespace cobra::train
