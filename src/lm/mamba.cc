#include "lm/mamba.h"

#include <algorithm>
#include <string>

namespace cobra {

void mamba_layer(const Kernels& k, const MambaConfig& c, const MambaLayerWeights& w, float* conv_state,
                 float* ssm_state, MambaScratch& scratch, TensorView<float> residual) {
  const int64_t L = residual.rows, tiled = TiledView<float>::size(L, c.d_inner),
                dbc_cols = c.dt_rank + 2 * c.d_state;
  const TensorView<float> h(scratch.h.get(L * c.d_model), L, c.d_model);
  const TiledView<float> x{scratch.x.get(tiled), L, c.d_inner};
  const TiledView<float> z{scratch.z.get(tiled), L, c.d_inner};
  const TiledView<float> dt{scratch.dt.get(tiled), L, c.d_inner};
  const TensorView<float> dbc(scratch.dbc.get(L * dbc_cols), L, dbc_cols);  // dt | B | C
  const TensorView<const float> B = dbc.slice_cols(c.dt_rank, c.d_state),
                                C = dbc.slice_cols(c.dt_rank + c.d_state, c.d_state);

  k.rms_norm(residual, w.norm, c.norm_epsilon, h);             // h   [L, d_model]
  k.linear(h, w.in_proj_x, x);                                 // x   [L, d_inner]
  k.linear(h, w.in_proj_z, z);                                 // z   [L, d_inner]
  k.causal_conv1d_silu(x, w.conv, conv_state);                 // x   [L, d_inner]
  k.linear(x, w.x_proj, dbc);                                  // dbc [L, dt_rank + 2 d_state]
  k.linear(dbc.slice_cols(0, c.dt_rank), w.dt_proj, dt);       // dt  [L, d_inner], before bias and softplus
  k.selective_scan(x, dt, w.scan, B, C, z, ssm_state, x);      // x   [L, d_inner], gated
  k.linear(x, w.out_proj, residual, {.add_to_output = true});  // residual += ...
}

void mamba_forward(const Kernels& k, const MambaConfig& c, const MambaWeights& w, MambaState& state,
                   MambaScratch& scratch, TensorView<float> x, float* logits, const TraceSink& trace) {
  for (int i = 0; i < c.n_layer; ++i) {
    mamba_layer(k, c, w.layers[static_cast<size_t>(i)], state.conv(i), state.ssm(i), scratch, x);
    if (trace) trace("layer" + std::to_string(i) + ".hidden", {x.rows, c.d_model}, x.data);
  }
  state.position += x.rows;

  // The head is a product with one row wherever it stands, so it always runs as decode does.
  const Kernels head = k.with_phase(Phase::decode);
  const TensorView<const float> last = x.slice_rows(x.rows - 1, 1);
  const TensorView<float> normed(scratch.last.get(c.d_model), 1, c.d_model);
  head.rms_norm(last, w.norm_f, c.norm_epsilon, normed);
  head.linear(normed, w.head, TensorView<float>(logits, 1, c.vocab_size));
  if (!trace) return;

  std::vector<float> all_normed(static_cast<size_t>(x.rows * c.d_model));
  std::vector<float> all_logits(static_cast<size_t>(x.rows * c.vocab_size));
  const TensorView<float> rows(all_normed.data(), x.rows, c.d_model);
  head.rms_norm(x, w.norm_f, c.norm_epsilon, rows);
  head.linear(rows, w.head, TensorView<float>(all_logits.data(), x.rows, c.vocab_size));
  trace("norm_f", {x.rows, c.d_model}, all_normed.data());
  trace("logits", {x.rows, c.vocab_size}, all_logits.data());
}

}  // namespace cobra
