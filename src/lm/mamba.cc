#include "lm/mamba.h"

#include <algorithm>
#include <string>

namespace cobra {

namespace {

/// Where the sequences' states of a layer are, for the operators.
void point_to_states(std::span<const MambaSequence> sequences, int layer, MambaScratch& scratch) {
  scratch.conv.clear();
  scratch.ssm.clear();
  int64_t first = 0;
  for (const MambaSequence& s : sequences) {
    scratch.conv.push_back({first, s.rows, s.state->conv(layer), s.start ? s.start->conv(layer) : nullptr});
    scratch.ssm.push_back({first, s.rows, s.state->ssm(layer), s.start ? s.start->ssm(layer) : nullptr});
    first += s.rows;
  }
}

/// The last row of each sequence [sequences, d_model], after the final norm.
TensorView<float> normed_last_rows(const Kernels& k, const MambaConfig& c, const MambaWeights& w,
                                   std::span<const MambaSequence> sequences, TensorView<const float> x,
                                   MambaScratch& scratch) {
  const TensorView<float> out(scratch.last.get(std::ssize(sequences) * c.d_model), std::ssize(sequences),
                              c.d_model);
  int64_t end = 0, row = 0;
  for (const MambaSequence& s : sequences) {
    end += s.rows;
    std::copy_n(x.row(end - 1), c.d_model, out.row(row++));
  }
  k.rms_norm(out, w.norm_f, c.norm_epsilon, out);
  return out;
}

}  // namespace

std::vector<std::span<const std::byte>> MambaWeights::decode_reads(const MambaConfig& c) const {
  std::vector<std::span<const std::byte>> reads;
  const auto vector = [&](const float* values, int64_t count) {
    reads.push_back(std::as_bytes(std::span(values, static_cast<size_t>(count))));
  };
  const auto matrix = [&](const WeightMatrix& w) {
    reads.emplace_back(w.data, static_cast<size_t>(w.bytes()));
  };
  const int64_t channels = TiledView<float>::size(1, c.d_inner);
  for (const MambaLayerWeights& l : layers) {
    vector(l.norm, c.d_model);
    matrix(l.in_proj_x);
    matrix(l.in_proj_z);
    vector(l.conv.weight, channels * c.d_conv);
    vector(l.conv.bias, channels);
    matrix(l.x_proj);
    matrix(l.dt_proj);
    vector(l.scan.dt_bias, channels);
    vector(l.scan.A, channels * c.d_state);
    vector(l.scan.D, channels);
    matrix(l.out_proj);
  }
  vector(norm_f, c.d_model);
  matrix(head);
  return reads;
}

void mamba_layer(const Kernels& k, const MambaConfig& c, const MambaLayerWeights& w, MambaScratch& scratch,
                 TensorView<float> residual) {
  const int64_t L = residual.rows, tiled = TiledView<float>::size(L, c.d_inner),
                dbc_cols = c.dt_rank + 2 * c.d_state;
  const TensorView<float> h(scratch.h.get(L * c.d_model), L, c.d_model);
  const TiledView<float> x{scratch.x.get(tiled), L, c.d_inner};
  const TiledView<float> z{scratch.z.get(tiled), L, c.d_inner};
  const TiledView<float> dt{scratch.dt.get(tiled), L, c.d_inner};
  const TensorView<float> dbc(scratch.dbc.get(L * dbc_cols), L, dbc_cols);  // dt | B | C
  const TensorView<const float> B = dbc.slice_cols(c.dt_rank, c.d_state),
                                C = dbc.slice_cols(c.dt_rank + c.d_state, c.d_state);
  const Product in_proj[] = {{w.in_proj_x, x}, {w.in_proj_z, z}};

  k.rms_norm(residual, w.norm, c.norm_epsilon, h);             // h   [L, d_model]
  k.linear(h, in_proj);                                        // x, z [L, d_inner]
  k.causal_conv1d_silu(x, w.conv, scratch.conv);               // x   [L, d_inner]
  k.linear(x, w.x_proj, dbc);                                  // dbc [L, dt_rank + 2 d_state]
  k.linear(dbc.slice_cols(0, c.dt_rank), w.dt_proj, dt);       // dt  [L, d_inner], before bias and softplus
  k.selective_scan(x, dt, w.scan, B, C, z, scratch.ssm, x);    // x   [L, d_inner], gated
  k.linear(x, w.out_proj, residual, {.add_to_output = true});  // residual += ...
}

void mamba_forward(const Kernels& k, const MambaConfig& c, const MambaWeights& w,
                   std::span<const MambaSequence> sequences, MambaScratch& scratch, TensorView<float> x,
                   TensorView<float> logits, const TraceSink& trace) {
  for (int i = 0; i < c.n_layer; ++i) {
    point_to_states(sequences, i, scratch);
    mamba_layer(k, c, w.layers[static_cast<size_t>(i)], scratch, x);
    if (trace) trace("layer" + std::to_string(i) + ".hidden", {x.rows, c.d_model}, x.data);
  }
  for (const MambaSequence& s : sequences) {
    s.state->position = (s.start ? s.start : s.state)->position + s.rows;
  }

  // The head is a product with one row a sequence wherever it stands, so it always runs as decode does.
  const Kernels head = k.with_phase(Phase::decode);
  head.linear(normed_last_rows(head, c, w, sequences, x, scratch), w.head, logits);
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
