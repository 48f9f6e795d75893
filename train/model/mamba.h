// The Mamba language model on libtorch. Source: Mamba (arXiv 2312.00752); mamba_ssm 1.2.2
// modules/mamba_simple.py and Cobra's modeling_mamba.py. The engine's counterpart is src/lm/mamba.h.
#pragma once

#include <vector>

#include "cobra/config.h"
#include "train/model/linear.h"
#include "train/model/parameters.h"

namespace cobra::train {

struct MambaLayer {
  Tensor norm;         // [d_model]
  Linear in_proj;      // [2 d_inner, d_model], rows x, z
  Tensor conv_weight;  // [d_inner, 1, d_conv]
  Tensor conv_bias;    // [d_inner]
  Linear x_proj;       // [dt_rank + 2 d_state, d_inner], rows dt, B, C
  Linear dt_proj;      // [d_inner, dt_rank]; its bias is added inside the scan's softplus
  Tensor A_log;        // [d_inner, d_state]
  Tensor D;            // [d_inner]
  Linear out_proj;     // [d_model, d_inner]
};

struct MambaLm {
  MambaConfig config;
  Tensor embedding;  // [V, d_model], also the head
  std::vector<MambaLayer> layers;
  Tensor norm_f;  // [d_model]
};

MambaLm bind_mamba(const MambaConfig& config, const Parameters& parameters);

/// One layer: x + mixer(norm(x)), x [B, L, d_model].
Tensor mamba_layer(const MambaConfig& config, const MambaLayer& w, const Tensor& x, Precision precision);

/// All layers and the final norm. With `checkpointing` a layer's activations are made again for its gradient.
Tensor mamba_hidden(const MambaLm& lm, Tensor x, Precision precision, bool checkpointing);

/// Logits [..., V] of final hidden states [..., d_model].
Tensor mamba_logits(const MambaLm& lm, const Tensor& hidden, Precision precision);

}  // namespace cobra::train
