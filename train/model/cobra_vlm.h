// The whole model: towers, projector, Mamba, and the official way to put pictures and text in one batch.
// Source: Cobra's models/vlms/cobra.py (CobraVLM.forward).
#pragma once

#include <vector>

#include "cobra/config.h"
#include "train/model/mamba.h"
#include "train/model/parameters.h"
#include "train/model/projector.h"
#include "train/model/vit.h"
#include "train/step/batch.h"

namespace cobra::train {

/// Which parts learn: align: projector; finetune: projector and language model; full_finetune: everything.
enum class Stage { align, finetune, full_finetune };
/// "align", "finetune", "full-finetune"; throws Error otherwise.
Stage parse_stage(std::string_view text);
bool is_trained(Stage stage, Part part);

struct ModelOptions {
  Stage stage = Stage::finetune;
  Precision precision = Precision::float32;
  bool checkpointing = false;  // see recompute.h
};

/// Embeddings and labels as the language model takes them; P = tokens of a picture.
struct FusedBatch {
  Tensor embeddings;  // [B, P + T, d_model] ([B, T, d_model] without pictures)
  Tensor labels;      // [B, P + T]
  Tensor rows;        // [B] int64: the batch's row that stands at each place
};

class CobraVlm {
 public:
  /// Parameters are zeros until they are loaded (load.h).
  CobraVlm(const ModelConfig& config, const ModelOptions& options);

  const ModelConfig& config() const { return config_; }
  const ModelOptions& options() const { return options_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }
  /// The parameters that the stage teaches.
  std::vector<Parameter> trainable() const;

  /// What the towers give, concatenated: [M, P, sum of widths].
  Tensor features(const std::vector<Tensor>& pixel_values) const;

  /// All patches, then all text; rows with pictures first, in the order of `multimodal_indices`, then the
  /// others with P zero embeddings behind their text.
  FusedBatch fuse(const Batch& batch) const;

  /// Mean cross-entropy over the fused batch's labels, each predicted from the position before it. Throws
  /// Error when no label counts (the official code would give NaN).
  Tensor loss(const Batch& batch) const;

  /// Logits of every position of the fused batch: [B, P + T, V].
  Tensor logits(const FusedBatch& fused) const;

 private:
  ModelConfig config_;
  ModelOptions options_;
  Parameters parameters_;
  std::vector<Vit> towers_;
  Projector projector_;
  MambaLm lm_;

  Tensor patch_embeddings(const Batch& batch) const;
};

}  // namespace cobra::train
