#include "train/run/llava_data.h"

#include <algorithm>

#include "base/fail.h"
#include "data/collate.h"
#include "data/dataset.h"
#include "data/pictures.h"
#include "data/sampler.h"
#include "data/tokenize.h"
#include "train/step/pictures.h"

namespace cobra::train {
namespace {

constexpr size_t kNotes = 20;  // examples that are left out, told one by one

data::Stage data_stage(Stage stage) {
  return stage == Stage::align ? data::Stage::align : data::Stage::finetune;
}

Tensor integers(const std::vector<int64_t>& values, const std::vector<int64_t>& shape) {
  return torch::tensor(values, torch::kInt64).view(shape);
}

class LlavaData final : public TrainingData {
 public:
  LlavaData(const LlavaOptions& options, const ModelConfig& config, const TokenizerData& tokenizer)
      : stage_(data_stage(options.stage)),
        rank_(options.rank),
        config_(config),
        tokenizer_(tokenizer),
        pictures_(options.images.empty() ? "." : options.images),
        file_(options.data, {stage_, false, &pictures_}),
        tokenize_{stage_, parse_prompt_template(config.prompt_template), options.max_length},
        sampler_{options.global_batch_size, options.ranks, options.seed},
        lengths_(file_.modality_lengths(config.has_vision() ? config.image_tokens() : 0)) {
    if (!config.has_vision()) check_without_pictures();
  }

  int64_t examples() const override { return file_.size(); }
  Hash128 digest() const override { return file_.digest(); }
  std::string name(int64_t example) const override { return file_.name(example); }

  void use_feature_cache(std::shared_ptr<const data::FeatureCache> cache) override {
    cache_ = std::move(cache);
  }

  std::vector<std::string> notes() const override {
    std::vector<std::string> notes;
    if (file_.skipped_count() > 0) {
      notes.push_back(fmt::format("{}: {} examples are left out", file_.path(), file_.skipped_count()));
    }
    for (size_t i = 0; i < std::min(kNotes, file_.skipped().size()); ++i) {
      notes.push_back(fmt::format("  {}: {}", file_.skipped()[i].name, file_.skipped()[i].reason));
    }
    return notes;
  }

  std::vector<int64_t> order(int64_t epoch) const override {
    return data::rank_order(data::epoch_order(stage_, lengths_, sampler_, epoch), sampler_, rank_);
  }

  LoadedBatch load(const std::vector<int64_t>& examples) const override {
    std::vector<data::Tokenized> rows;
    std::vector<Image> pictures;
    LoadedBatch loaded;
    for (const int64_t index : examples) {
      const data::Example example = file_.example(index);
      try {
        if (example.has_picture()) add_picture(example, pictures, loaded);
        rows.push_back(data::tokenize(example, tokenizer_, tokenize_));
      } catch (const Error& error) {
        fail("{}: {}", file_.name(index), error.what());
      }
      loaded.tokens += static_cast<int64_t>(rows.back().input_ids.size());
    }
    const data::PaddedBatch padded = data::collate(rows, tokenizer_.eos_id(), tokenize_.max_length);
    loaded.batch.input_ids = integers(padded.input_ids, {padded.rows, padded.length});
    loaded.batch.labels = integers(padded.labels, {padded.rows, padded.length});
    loaded.batch.multimodal_indices = torch::tensor(padded.multimodal_indices, torch::kInt64);
    loaded.tokens += loaded.batch.pictures() * (config_.has_vision() ? config_.image_tokens() : 0);
    if (!pictures.empty()) loaded.batch.pixel_values = pixel_values(config_, pictures);
    return loaded;
  }

 private:
  const data::Stage stage_;
  const int rank_;
  const ModelConfig config_;
  const Tokenizer tokenizer_;
  const data::PictureFolder pictures_;
  const data::ExampleFile file_;
  const data::TokenizeOptions tokenize_;
  const data::SamplerOptions sampler_;
  const std::vector<data::ModalityLength> lengths_;

  std::shared_ptr<const data::FeatureCache> cache_;

  void check_without_pictures() const {
    for (int64_t i = 0; i < file_.size(); ++i) {
      check(!file_.has_picture(i), "{}: it has a picture, but the model has no vision towers", file_.name(i));
    }
  }

  /// The picture, unless its features are known.
  void add_picture(const data::Example& example, std::vector<Image>& pictures, LoadedBatch& loaded) const {
    if (!cache_) {
      pictures.push_back(pictures_.load(example.picture));
      return;
    }
    const std::vector<std::byte> encoded = pictures_.read(example.picture);
    const Hash128 key = cache_->key(encoded);
    loaded.pictures.push_back({key, cache_->find(key)});
    if (!loaded.pictures.back().known) pictures.push_back(Image::decode(encoded, example.picture));
  }
};

}  // namespace

std::unique_ptr<TrainingData> open_llava_data(const LlavaOptions& options, const ModelConfig& config,
                                              const TokenizerData& tokenizer) {
  return std::make_unique<LlavaData>(options, config, tokenizer);
}

}  // namespace cobra::train
