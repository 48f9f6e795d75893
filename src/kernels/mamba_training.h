// The convolution and the scan for training: forward with what backward needs, and their gradients, over the
// row-major activations that matrix products make. Threads take channels; a block of steps is copied into
// channel tiles in cache, so the caller never transposes.
//
// Rows: a batch of `batch` sequences of L steps is [batch * L, channels], sequence after sequence; views may
// be slices of wider rows. Sequences are independent and start from a zero state unless said. Right padding
// needs no care: where dy is zero, padding adds nothing to any gradient.
//
// Forward values are the inference kernels', bit for bit. Every result is the same bits for any number of
// threads. Outputs are overwritten, not added to, and may not alias inputs. Callable from several threads;
// throws Error for operands that the kernels cannot take.
#pragma once

#include <cstdint>

#include "cobra/tensor_view.h"
#include "kernels/kernel_table.h"

namespace cobra {

struct ConvOperands {
  int64_t batch, L;
  int taps;                   // d_conv, 1 to kMaxConvTaps
  TensorView<const float> x;  // [batch * L, channels]
  const float* weight;        // [channels, taps], the last tap at the step itself
  const float* bias;          // [channels]
};

struct ConvGradients {
  TensorView<float> x;  // [batch * L, channels]
  float* weight;        // [channels, taps]
  float* bias;          // [channels]
};

/// y [batch * L, channels] = silu(bias + causal convolution of x).
void causal_conv1d_silu_forward(const KernelTable& table, int threads, const ConvOperands& in,
                                TensorView<float> y);
/// Gradients from dy [batch * L, channels].
void causal_conv1d_silu_backward(const KernelTable& table, int threads, const ConvOperands& in,
                                 TensorView<const float> dy, const ConvGradients& out);

struct ScanOperands {
  int64_t batch, L;
  TensorView<const float> x, dt, z;  // [batch * L, channels]; dt before bias and softplus
  TensorView<const float> B, C;      // [batch * L, states], of the same stride
  const float* A;                    // [channels, states], negative
  const float* D;                    // [channels]
  const float* dt_bias;              // [channels]
};

struct ScanGradients {
  TensorView<float> x, dt, z;  // [batch * L, channels]
  TensorView<float> B, C;      // [batch * L, states]
  float* A;                    // [channels, states]
  float* D;                    // [channels]
  float* dt_bias;              // [channels]
};

/// Values that `selective_scan_forward` keeps for backward: the states before every kBackwardSteps-th step.
int64_t scan_checkpoint_size(const ScanOperands& in);

/// y [batch * L, channels] = (C h + D x) silu(z), and the checkpoints that backward needs (null: not kept).
/// `initial_state` [batch, channels, states], null for zero.
void selective_scan_forward(const KernelTable& table, int threads, const ScanOperands& in,
                            const float* initial_state, float* checkpoints, TensorView<float> y);
/// Gradients from dy [batch * L, channels] and the forward's checkpoints. Uses scratch memory of
/// 2 * batch * L * states * channels / 128 floats.
void selective_scan_backward(const KernelTable& table, int threads, const ScanOperands& in,
                             const float* checkpoints, TensorView<const float> dy, const ScanGradients& out);

}  // namespace cobra
