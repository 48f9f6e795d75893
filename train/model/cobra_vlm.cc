#include "train/model/cobra_vlm.h"

#include "base/fail.h"

namespace cobra::train {
namespace {

/// Rows that have no picture, ascending.
Tensor unimodal_rows(const Batch& batch) {
  const Tensor has_picture =
      torch::zeros({batch.rows()}, batch.multimodal_indices.options().dtype(torch::kBool))
          .index_fill(0, batch.multimodal_indices, true);
  return torch::nonzero(has_picture.logical_not()).flatten();
}

/// Puts `count` labels that do not count before (or behind) labels [B, T].
Tensor pad_labels(const Tensor& labels, int64_t before, int64_t behind) {
  return torch::constant_pad_nd(labels, {before, behind}, kIgnoredLabel);
}

}  // namespace

Stage parse_stage(std::string_view text) {
  if (text == "align") return Stage::align;
  if (text == "finetune") return Stage::finetune;
  if (text == "full-finetune") return Stage::full_finetune;
  fail("stage '{}' is unknown: expected align, finetune or full-finetune", printable(text));
}

bool is_trained(Stage stage, Part part) {
  switch (part) {
    case Part::projector:
      return true;
    case Part::llm_backbone:
      return stage != Stage::align;
    case Part::vision_backbone:
      return stage == Stage::full_finetune;
  }
  return false;
}

CobraVlm::CobraVlm(const ModelConfig& config, const ModelOptions& options)
    : config_(config), options_(options), parameters_(config), lm_(bind_mamba(config.mamba, parameters_)) {
  if (config.projector.out > 0) projector_ = bind_projector(config.projector, parameters_);
  for (const TowerConfig& tower : config.towers) {
    towers_.push_back(bind_vit(tower, tower_prefix(config, tower), parameters_));
  }
  for (Parameter& parameter : parameters_.list()) {
    parameter.value.requires_grad_(is_trained(options.stage, parameter.part));
  }
}

std::vector<Parameter> CobraVlm::trainable() const {
  std::vector<Parameter> trained;
  for (const Parameter& parameter : parameters_.list()) {
    if (parameter.value.requires_grad()) trained.push_back(parameter);
  }
  return trained;
}

Tensor CobraVlm::features(const std::vector<Tensor>& pixel_values) const {
  check(pixel_values.size() == towers_.size(), "batch: pixel values for {} towers, but the model has {}",
        pixel_values.size(), towers_.size());
  const AutoGradMode record(torch::GradMode::is_enabled() &&
                            is_trained(options_.stage, Part::vision_backbone));
  std::vector<Tensor> features;
  for (size_t i = 0; i < towers_.size(); ++i) {
    features.push_back(vit_features(towers_[i], pixel_values[i], options_.precision, options_.checkpointing));
  }
  return torch::cat(features, -1);
}

Tensor CobraVlm::patch_embeddings(const Batch& batch) const {
  check(!towers_.empty(), "the batch has pictures, but the model has no vision towers");
  const Tensor known = batch.features.defined() ? batch.features : features(batch.pixel_values);
  check(known.dim() == 3 && known.size(0) == batch.pictures(), "batch: {} pictures for {} rows that have one",
        known.size(0), batch.pictures());
  return project(projector_, known, options_.precision);
}

FusedBatch CobraVlm::fuse(const Batch& batch) const {
  const Tensor text = torch::embedding(lm_.embedding, batch.input_ids);  // [B, T, d_model]
  if (batch.pictures() == 0) return {text, batch.labels, torch::arange(batch.rows(), batch.labels.options())};

  const Tensor& with = batch.multimodal_indices;
  const Tensor patches = patch_embeddings(batch);  // [M, P, d_model]
  const int64_t P = patches.size(1);
  const Tensor multimodal = torch::cat({patches, text.index_select(0, with)}, 1);
  const Tensor labels = pad_labels(batch.labels.index_select(0, with), P, 0);
  const Tensor without = unimodal_rows(batch);
  if (without.numel() == 0) return {multimodal, labels, with};

  const Tensor unimodal = torch::constant_pad_nd(text.index_select(0, without), {0, 0, 0, P});
  return {torch::cat({multimodal, unimodal}),
          torch::cat({labels, pad_labels(batch.labels.index_select(0, without), 0, P)}),
          torch::cat({with, without})};
}

Tensor CobraVlm::loss(const Batch& batch) const {
  const FusedBatch fused = fuse(batch);
  const Tensor targets = fused.labels.slice(1, 1).flatten();  // position t predicts label t + 1
  const Tensor counted = torch::nonzero(targets != kIgnoredLabel).flatten();
  check(counted.numel() > 0, "batch: no label counts: nothing can be learnt from it");
  const Tensor hidden = mamba_hidden(lm_, fused.embeddings, options_.precision, options_.checkpointing);
  const Tensor predicting = hidden.slice(1, 0, -1).flatten(0, 1).index_select(0, counted);
  return torch::cross_entropy_loss(mamba_logits(lm_, predicting, options_.precision),
                                   targets.index_select(0, counted));
}

Tensor CobraVlm::logits(const FusedBatch& fused) const {
  const Tensor hidden = mamba_hidden(lm_, fused.embeddings, options_.precision, options_.checkpointing);
  return mamba_logits(lm_, hidden, options_.precision);
}

}  // namespace cobra::train
