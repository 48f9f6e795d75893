#include "model/convert_plan.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/fail.h"
#include "kernels/quant.h"
#include "model/convert_config.h"
#include "model/convert_names.h"
#include "model/resample.h"

namespace cobra {
namespace {

using Floats = std::vector<float>;
using RowReader = std::function<void(int64_t row, float* out)>;

/// Rows of `cols` values in file order, whatever the source's own shape.
RowReader row_reader(std::shared_ptr<const StateDict> file, const TensorEntry& tensor, int64_t cols,
                     Transform transform) {
  return [file, &tensor, cols, transform, result = "-exp of " + tensor.name](int64_t row, float* out) {
    dequantize_row(tensor.type, tensor.bytes.data() + row * row_bytes(tensor.type, cols), out, cols);
    check_finite(out, cols, row, file->path(), tensor.name);
    if (transform != Transform::negative_exp) return;
    std::transform(out, out + cols, out, [](float a) { return -std::exp(a); });
    check_finite(out, cols, row, file->path(), result);
  };
}

RowReader row_reader(std::shared_ptr<const Floats> values, int64_t cols) {
  return [values, cols](int64_t row, float* out) { std::copy_n(values->data() + row * cols, cols, out); };
}

OutputTensor plan_tensor(const NameMapping& mapping, SourceTensors& source, DType type) {
  const TensorEntry& tensor = source.take(mapping.source, mapping.source_shape);
  const auto file = source.file();
  OutputTensor output{
      mapping.target.name, mapping.target.shape, stored_type(mapping.target, type), {}, {}, {}};
  output.read_row = row_reader(file, tensor, mapping.target.shape.back(), mapping.transform);
  output.done = [file, &tensor] { file->release_pages(tensor); };
  return output;
}

// ---- towers ------------------------------------------------------------------------------------------

void resample(const TowerConfig& tower, const SourceTensors& source, const TensorEntry& tensor,
              OutputTensor& output) {
  const int grid = position_grid(tensor.shape[1], tower, source.path());
  if (grid == tower.grid()) return;
  const int prefix = tower.position_covers_prefix ? tower.prefix_tokens() : 0;
  const Floats table = to_float32(tensor, source.path());
  for (int64_t row = 0; row < tensor.shape[1]; ++row) {
    check_finite(table.data() + row * tower.embed_dim, tower.embed_dim, row, source.path(), tensor.name);
  }
  auto values = resample_positions(table, prefix, grid, tower.grid(), tower.embed_dim);
  output.read_row = row_reader(std::make_shared<const Floats>(std::move(values)), tower.embed_dim);
}

// ---- language model ----------------------------------------------------------------------------------

/// The head is the embedding again where a state dict lists it; a head of its own is kept.
void plan_head(const MambaConfig& config, const std::string& embedding, SourceTensors& source, DType type,
               Plan& plan) {
  const std::vector<int64_t> shape{config.vocab_size, config.d_model};
  NameMapping head;
  head.target = {"output.weight", shape, true};
  head.source = "lm_head.weight";
  head.source_shape = shape;
  const TensorEntry& tied = source.take(embedding, shape);
  const TensorEntry& found = source.take(head.source, shape);
  const bool same =
      tied.type == found.type && std::memcmp(tied.bytes.data(), found.bytes.data(), tied.bytes.size()) == 0;
  source.file()->release_pages(tied);
  source.file()->release_pages(found);
  if (same) return;
  plan.tensors.push_back(plan_tensor(head, source, type));
  plan.notes.push_back(source.path() + ": lm_head differs from the embedding and is stored as output.weight");
}

}  // namespace

SourceTensors open_tower(const std::string& path) {
  const std::string trunk = "visual.trunk.";
  const std::shared_ptr<const StateDict> file = StateDict::open(path);
  SourceTensors in_trunk(file, trunk);
  SourceTensors all(file, "");
  if (in_trunk.empty()) return all;
  for (const char* known : {"visual.trunk.", "text.", "logit_scale", "logit_bias"}) all.drop_prefix(known);
  all.check_all_used();
  return in_trunk;
}

void plan_tower(const TowerConfig& tower, SourceTensors& source, DType type, Plan& plan) {
  for (const NameMapping& mapping : map_tower(tower)) {
    plan.tensors.push_back(plan_tensor(mapping, source, type));
    if (mapping.transform == Transform::resample_positions) {
      resample(tower, source, source.take(mapping.source, mapping.source_shape), plan.tensors.back());
    }
  }
  // In the weights, but behind the second-to-last block that features come from.
  for (const char* unused : {"norm.", "attn_pool.", "fc_norm.", "head."}) source.drop_prefix(unused);
  source.check_all_used();
}

std::string embedding_name(const SourceTensors& source) {
  const std::string plural = "backbone.embeddings.weight";
  return source.has(plural) ? plural : "backbone.embedding.weight";
}

void plan_language_model(SourceTensors& source, bool head_required, DType type, Plan& plan) {
  const std::string embedding = embedding_name(source);
  const MambaConfig& config = plan.config.mamba;
  for (const NameMapping& mapping : map_language_model(config, embedding)) {
    plan.tensors.push_back(plan_tensor(mapping, source, type));
  }
  // Hugging Face's files leave a tied head out; an official checkpoint always has it.
  if (head_required || source.has("lm_head.weight")) {
    plan_head(config, embedding, source, type, plan);
  }
  source.check_all_used();
}

void plan_projector(const ProjectorConfig& projector, SourceTensors& source, DType type, Plan& plan) {
  for (const NameMapping& mapping : map_projector(projector)) {
    plan.tensors.push_back(plan_tensor(mapping, source, type));
  }
  source.check_all_used();
}

}  // namespace cobra
