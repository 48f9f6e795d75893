// The Mamba language model: one layer function for prefill (L tokens) and decode (L = 1).
// Source: Mamba (arXiv 2312.00752); mamba_ssm 1.2.2 modules/mamba_simple.py and Cobra's modeling_mamba.py.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "cobra/config.h"
#include "cobra/tensor_view.h"
#include "cobra/trace.h"
#include "kernels/kernels.h"

namespace cobra {

struct MambaLayerWeights {
  const float* norm = nullptr;  // [d_model]
  WeightMatrix in_proj_x;       // [d_inner, d_model], the upper rows of in_proj
  WeightMatrix in_proj_z;       // [d_inner, d_model], the lower rows
  ConvWeights conv;
  WeightMatrix x_proj;   // [dt_rank + 2 d_state, d_inner], rows dt, B, C
  WeightMatrix dt_proj;  // [d_inner, dt_rank]; its bias is in `scan`
  ScanWeights scan;
  WeightMatrix out_proj;  // [d_model, d_inner]
};

struct MambaWeights {
  WeightMatrix embedding;         // [vocab, d_model]
  WeightMatrix head;              // [vocab, d_model]; the embedding where tied
  const float* norm_f = nullptr;  // [d_model]
  std::vector<MambaLayerWeights> layers;

  /// All that decoding a token reads, in that order: every layer and the head.
  std::vector<std::span<const std::byte>> decode_reads(const MambaConfig& config) const;
};

/// Recurrent state of all layers, always float32. Fixed size; kept in channel tiles, channels padded to a
/// multiple of 16.
class MambaState {
 public:
  explicit MambaState(const MambaConfig& config);
  MambaState clone() const;

  float* conv(int layer) { return conv_.data() + layer * conv_layer_; }  // [d_inner/16][d_conv][16]
  float* ssm(int layer) { return ssm_.data() + layer * ssm_layer_; }     // [d_inner/16][d_state][16]
  int64_t bytes() const { return conv_.bytes() + ssm_.bytes(); }
  int64_t position = 0;  // tokens and patches read

  /// The official layout [n_layer, d_inner, d_conv | d_state], out and in.
  std::vector<float> export_conv() const;
  std::vector<float> export_ssm() const;
  void import(const std::vector<float>& conv, const std::vector<float>& ssm);

 private:
  MambaConfig config_;
  int64_t conv_layer_, ssm_layer_;
  AlignedBuffer<float> conv_, ssm_;
};

/// One sequence of a batch: the next `rows` rows of the activations belong to `state`, which goes on from
/// `start` where one is given (Sequence).
struct MambaSequence {
  MambaState* state;
  int64_t rows;
  MambaState* start = nullptr;
};

/// Activations of a forward pass; grows to the largest chunk and stays.
struct MambaScratch {
  Scratch<float> h, x, z, dt, dbc, embedded, last;
  std::vector<Sequence> conv, ssm;  // of the layer at hand
  std::vector<MambaSequence> sequences;
  std::vector<int32_t> ids;
};

/// One layer: x [L, d_model], the residual streams of all sequences one after the other, is read and updated.
/// The layer's states are scratch.conv and scratch.ssm.
void mamba_layer(const Kernels& k, const MambaConfig& c, const MambaLayerWeights& w, MambaScratch& scratch,
                 TensorView<float> x);

/// All layers over x [L, d_model] (changed), the rows of `sequences` one after the other, then the logits
/// [sequences, vocab] after the last position of each. A sequence's results are the same bits in any batch.
/// With a trace it names `layer{i}.hidden`, `norm_f` and `logits` for all positions.
void mamba_forward(const Kernels& k, const MambaConfig& c, const MambaWeights& w,
                   std::span<const MambaSequence> sequences, MambaScratch& scratch, TensorView<float> x,
                   TensorView<float> logits, const TraceSink& trace);

}  // namespace cobra
