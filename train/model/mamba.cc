#include "train/model/mamba.h"

#include "base/fail.h"
#include "train/model/causal_conv1d.h"
#include "train/model/norm.h"
#include "train/model/recompute.h"
#include "train/model/selective_scan.h"

namespace cobra::train {
namespace {

MambaLayer bind_layer(const Parameters& parameters, int layer) {
  const std::string p = fmt::format("{}backbone.layers.{}.", kLanguageModelPrefix, layer),
                    mixer = p + "mixer.";
  return {.norm = parameters.at(p + "norm.weight"),
          .in_proj = bind_linear(parameters, mixer + "in_proj"),
          .conv_weight = parameters.at(mixer + "conv1d.weight"),
          .conv_bias = parameters.at(mixer + "conv1d.bias"),
          .x_proj = bind_linear(parameters, mixer + "x_proj"),
          .dt_proj = bind_linear(parameters, mixer + "dt_proj"),
          .A_log = parameters.at(mixer + "A_log"),
          .D = parameters.at(mixer + "D"),
          .out_proj = bind_linear(parameters, mixer + "out_proj")};
}

}  // namespace

MambaLm bind_mamba(const MambaConfig& config, const Parameters& parameters) {
  const std::string p = std::string(kLanguageModelPrefix) + "backbone.";
  MambaLm lm{config, parameters.at(p + "embedding.weight"), {}, parameters.at(p + "norm_f.weight")};
  for (int layer = 0; layer < config.n_layer; ++layer) lm.layers.push_back(bind_layer(parameters, layer));
  return lm;
}

Tensor mamba_layer(const MambaConfig& c, const MambaLayer& w, const Tensor& residual, Precision precision) {
  const Tensor h = rms_norm(residual, w.norm, c.norm_epsilon);                  // [B, L, d_model]
  const std::vector<Tensor> xz = linear(h, w.in_proj, precision).chunk(2, -1);  // 2 x [B, L, d_inner]
  const Tensor x = causal_conv1d_silu(xz[0], w.conv_weight, w.conv_bias);       // [B, L, d_inner]
  const std::vector<Tensor> dbc =
      linear(x, w.x_proj, precision).split_with_sizes({c.dt_rank, c.d_state, c.d_state}, -1);
  const Tensor dt = linear(dbc[0], {w.dt_proj.weight, {}}, precision);  // [B, L, d_inner]
  const Tensor y = selective_scan({.x = x,
                                   .dt = dt,
                                   .A = -torch::exp(w.A_log),
                                   .B = dbc[1],
                                   .C = dbc[2],
                                   .D = w.D,
                                   .z = xz[1],
                                   .dt_bias = w.dt_proj.bias});  // [B, L, d_inner]
  return residual + linear(y, w.out_proj, precision);
}

Tensor mamba_hidden(const MambaLm& lm, Tensor x, Precision precision, bool checkpointing) {
  for (const MambaLayer& layer : lm.layers) {
    const auto run = [&lm, &layer, precision](const Tensor& input) {
      return mamba_layer(lm.config, layer, input, precision);
    };
    x = checkpointing ? recompute(run, x) : run(x);
  }
  return rms_norm(x, lm.norm_f, lm.config.norm_epsilon);
}

Tensor mamba_logits(const MambaLm& lm, const Tensor& hidden, Precision precision) {
  return linear(hidden, {lm.embedding, {}}, precision);
}

}  // namespace cobra::train
