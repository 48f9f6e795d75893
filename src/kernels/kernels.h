// The operators that the model is written in: kernels of one instruction set, spread over threads, with
// scratch memory.
#pragma once

#include <cstdint>
#include <span>

#include "cobra/runtime.h"
#include "cobra/tensor_view.h"
#include "kernels/kernel_table.h"
#include "kernels/tiled_view.h"
#include "kernels/workspace.h"

namespace cobra {

struct Chunks;  // chunks.h

/// How products are made. Prefill: in bfloat16 where the table has fast instructions for it (BlockUnit);
/// elsewhere in float32, and with quantised weights as integers, activations in 16 bits. Decode: a few rows
/// against weights in the order they lie in memory, activations in 8 bits where the weights are quantised;
/// with Numerics::w8a8 quantised weights are multiplied so in prefill too.
/// The phase follows from what is computed, never from the number of rows, so a prompt gives the same state
/// however it is cut into chunks.
enum class Phase { prefill, decode };

/// What happens to a product x W^T before it is stored: y = [y +] scale * act(x W^T + bias).
struct Epilogue {
  const float* bias = nullptr;  // [N]
  Activation activation = Activation::none;
  const float* scale = nullptr;  // [N], LayerScale
  bool add_to_output = false;

  /// What happens to the columns from `first` on.
  Finish of_columns(int64_t first) const {
    return {.bias = bias ? bias + first : nullptr,
            .activation = activation,
            .scale = scale ? scale + first : nullptr,
            .add = add_to_output};
  }
};

/// Input or output of `linear`: row-major rows or channel tiles.
template <typename T>
struct LinearView {
  T* data;
  int64_t rows, cols, stride;
  bool tiled;

  LinearView(TensorView<T> v)
      : data(v.data), rows(v.rows), cols(v.cols), stride(v.stride), tiled(false) {}                  // NOLINT
  LinearView(TiledView<T> v) : data(v.data), rows(v.L), cols(v.channels), stride(0), tiled(true) {}  // NOLINT
  template <typename U, typename = std::enable_if_t<std::is_same_v<const U, T> && !std::is_same_v<U, T>>>
  LinearView(TensorView<U> v) : LinearView(TensorView<T>(v)) {}  // NOLINT
  template <typename U, typename = std::enable_if_t<std::is_same_v<const U, T> && !std::is_same_v<U, T>>>
  LinearView(TiledView<U> v) : LinearView(TiledView<T>{v.data, v.L, v.channels}) {}  // NOLINT
};

/// y = x w^T, one of several products of the same x.
struct Product {
  const WeightMatrix& w;
  LinearView<float> y;  // [x.rows, w.rows]
};

/// A layer of an MLP: its weights and what happens to their product.
struct MlpLayer {
  const WeightMatrix& w;
  Epilogue epilogue = {};  // only the last layer's may add to its output
};

/// Weights of a depthwise causal convolution in channel tiles.
struct ConvWeights {
  int taps = 0;
  const float* weight = nullptr;  // [d_inner/16][taps][16]
  const float* bias = nullptr;    // [d_inner/16][16]
};

/// Weights of the scan in channel tiles.
struct ScanWeights {
  int states = 0;
  const float* A = nullptr;        // [d_inner/16][states][16], negative
  const float* D = nullptr;        // [d_inner/16][16]
  const float* dt_bias = nullptr;  // [d_inner/16][16]
};

/// One sequence of a batch: its rows stand at [first, first + rows) of the activations; `state` is its
/// recurrent state of one layer, read and updated. With `start` it is only written, and read from there: the
/// state of an earlier sequence of the batch may be the start of a later one.
struct Sequence {
  int64_t first;
  int64_t rows;
  float* state;
  const float* start = nullptr;
};

/// Work (multiply-adds or the like) below which another thread costs more to wake, some microseconds, than it
/// saves.
inline constexpr int64_t kWorkPerThread = 1 << 15;

/// A cheap handle, made for one forward pass: table, threads and workspace are passed in, nothing is global.
/// Not safe for two threads at once (the workspace is shared scratch). Every result is the same bits for any
/// number of threads.
class Kernels {
 public:
  Kernels(const KernelTable& table, int threads, Workspace& workspace, Phase phase, Numerics numerics = {});
  Kernels(const Runtime& runtime, Workspace& workspace, Phase phase)
      : Kernels(runtime.kernels(), runtime.threads(), workspace, phase, runtime.numerics()) {}

  /// The same table, threads and workspace for the other way of making products.
  Kernels with_phase(Phase phase) const { return {table_, threads_, workspace_, phase, numerics_}; }

  /// x, out [L, d]; out may be x.
  void rms_norm(TensorView<const float> x, const float* weight, float eps, TensorView<float> out) const;
  void layer_norm(TensorView<const float> x, const float* weight, const float* bias, float eps,
                  TensorView<float> out) const;

  /// y [L, w.rows] = epilogue(x [L, w.cols] w^T).
  void linear(LinearView<const float> x, const WeightMatrix& w, LinearView<float> y,
              const Epilogue& epilogue = {}) const;
  /// The same for each of the products, at least one, whose weights are of one type: x is rounded once for
  /// all. No y may overlap x. The epilogue is for each, so its vectors are as long as the widest y.
  void linear(LinearView<const float> x, std::span<const Product> products,
              const Epilogue& epilogue = {}) const;

  /// y = the last layer's `linear` of ... of the first one's of x. Where products are made in bfloat16, what
  /// lies between two layers is rounded as it is made and never stands in memory as float32: the same bits.
  void mlp(LinearView<const float> x, std::span<const MlpLayer> layers, LinearView<float> y) const;

  /// Multi-head self-attention over all rows: qkv [S, 3 d] with q, k, v side by side and heads inside each;
  /// out [S, d]. Scores are scaled by head_dim^-0.5. `weights`: the type of the products around it; where
  /// those are made in bfloat16, these are.
  void attention(TensorView<const float> qkv, int heads, DType weights, TensorView<float> out) const;

  /// x [L, d_inner] in tiles, in place; states [d_inner/16][taps][16].
  void causal_conv1d_silu(TiledView<float> x, const ConvWeights& w,
                          std::span<const Sequence> sequences) const;

  /// y = scan(x, dt, B, C, z); B, C [L, states]; states [d_inner/16][states][16]. y may be x.
  void selective_scan(TiledView<const float> x, TiledView<const float> dt, const ScanWeights& w,
                      TensorView<const float> B, TensorView<const float> C, TiledView<const float> z,
                      std::span<const Sequence> sequences, TiledView<float> y) const;

 private:
  const KernelTable& table_;
  int threads_;
  Workspace& workspace_;
  Phase phase_;
  Numerics numerics_;

  struct QuantizedGroups;  // linear.cc
  struct Groups16;
  template <class Round>
  void round_rows(const LinearView<const float>& x, int64_t unit, const Round& round) const;
  QuantizedGroups quantize(const LinearView<const float>& x) const;
  void linear_rows(const LinearView<const float>& x, std::span<const Product> products,
                   const Epilogue& e) const;
  Groups16 quantize_16(const LinearView<const float>& x) const;
  template <class Multiply>
  void over_tiles(int64_t M, std::span<const Product> products, const Epilogue& e,
                  const Multiply& multiply) const;
  void linear_rows_16(const LinearView<const float>& x, std::span<const Product> products,
                      const Epilogue& e) const;
  void linear_blocks(const LinearView<const float>& x, std::span<const Product> products,
                     const Epilogue& e) const;
  void linear_panels(const LinearView<const float>& x, std::span<const Product> products,
                     const Epilogue& e) const;
  void multiply_panels(TensorView<const float> x, const Product& product, const Epilogue& e) const;
  void mlp_blocks(const LinearView<const float>& x, std::span<const MlpLayer> layers,
                  const LinearView<float>& y) const;
  Chunks rounded_rows(const LinearView<const float>& x, Scratch<BFloat16>& scratch) const;
  Chunks hidden_blocks(const Chunks& x, const MlpLayer& layer, Scratch<BFloat16>& scratch) const;
  template <class FinishTile>
  void multiply_blocks(const Chunks& x, const WeightMatrix& w, const FinishTile& finish) const;
  void multiply_blocks(const Chunks& x, const Product& product, const Epilogue& e) const;
  /// Whether `linear` multiplies weights of this type in bfloat16.
  bool in_blocks(DType weights) const {
    return phase_ == Phase::prefill && in_bf16(weights) && !(numerics_.w8a8 && is_quantized(weights));
  }
  /// Whether prefill multiplies weights of this type in bfloat16.
  bool in_bf16(DType weights) const {
    return table_.block_unit != nullptr && weights != DType::f32 && weights != DType::f16;
  }
  void attention_blocks(TensorView<const float> qkv, int heads, TensorView<float> out) const;
  void attention_f32(TensorView<const float> qkv, int heads, TensorView<float> out) const;
  /// Threads worth waking for `work` multiply-adds or the like.
  int threads_for(int64_t work) const;
  TensorView<const float> row_major(const LinearView<const float>& x) const;
  void store(float* product, int64_t ld, int64_t rows, int64_t first_row, int64_t first_col, int64_t cols,
             const LinearView<float>& y, const Epilogue& e) const;
};

}  // namespace cobra
