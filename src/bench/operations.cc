#include "bench/operations.h"

namespace cobra::bench {
namespace {

double product(double rows, double inner, double columns) { return 2 * rows * inner * columns; }

double tower_operations(const TowerConfig& c) {
  const double tokens = c.patches() + c.prefix_tokens(), d = c.embed_dim;
  const double patches = product(c.patches(), 3.0 * c.patch_size * c.patch_size, d);
  const double projections = product(tokens, d, 4 * d) + 2 * product(tokens, d, c.mlp_hidden);
  const double attention = 2 * product(tokens, d, tokens);  // scores and sums, all heads
  const int blocks = c.feature_block() + 1;
  return patches + blocks * (projections + attention);
}

double projector_operations(const ModelConfig& config) {
  const ProjectorConfig& p = config.projector;
  // LDP makes its products of all patches, of which its convolutions leave a quarter as tokens.
  const double patches = config.towers.front().patches();
  switch (p.type) {
    case ProjectorType::linear:
      return product(patches, p.in, p.out);
    case ProjectorType::fused_gelu_mlp:
      return product(patches, p.in, p.hidden) + product(patches, p.hidden, p.out) +
             product(patches, p.out, p.out);
    default:
      return product(patches, p.in, p.hidden) + product(patches, p.hidden, p.out);
  }
}

}  // namespace

double prompt_token_operations(const MambaConfig& c) {
  const double in_proj = product(1, c.d_model, 2.0 * c.d_inner), out_proj = product(1, c.d_inner, c.d_model);
  const double x_proj = product(1, c.d_inner, x_proj_rows(c)), dt_proj = product(1, c.dt_rank, c.d_inner);
  return c.n_layer * (in_proj + x_proj + dt_proj + out_proj);
}

double head_operations(const MambaConfig& c) { return product(1, c.d_model, c.vocab_size); }

double picture_operations(const ModelConfig& config) {
  double operations = projector_operations(config);
  for (const TowerConfig& tower : config.towers) operations += tower_operations(tower);
  return operations;
}

}  // namespace cobra::bench
