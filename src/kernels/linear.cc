// Kernels::linear: products with weights, in the two ways that prefill and decode want.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/fail.h"
#include "base/parallel.h"
#include "kernels/kernels.h"
#include "kernels/rounding.h"

namespace cobra {
namespace {

/// Rows that a tile of weights is multiplied by at a time.
constexpr int64_t kRowGroup = 32;

/// A prefill panel holds at most this many float32 weights (K x N of the panel): with its activations it
/// stays in the last-level cache, and it is wide enough that the product repacks its activations seldom.
constexpr int64_t kPanelWeights = int64_t{1} << 20;
constexpr int64_t kMaxPanelCols = 512;
constexpr int64_t kMinPanels = 16;  // so that every thread of an ordinary machine gets one

/// What rounding a value to 8 bits costs, in multiply-adds.
constexpr int64_t kQuantizeWork = 8;

/// Pieces of a thread's share of tiles, so that another can take some of them over.
constexpr int64_t kPiecesEach = 4;

/// Weights of so many tiles stay in the second-level cache while groups of rows pass by.
constexpr int64_t kTilesTogether = 8;

/// Columns of a panel, a multiple of a tile.
int64_t panel_cols(const WeightMatrix& w) {
  const int64_t cached =
      std::max<int64_t>(kPanelWeights / std::max<int64_t>(w.cols, 1) / kTileRows * kTileRows, kTileRows);
  const int64_t fair = round_up(divide_up(w.rows, kMinPanels), kTileRows);
  return std::min({cached, fair, kMaxPanelCols});
}

void check_columns(int64_t cols, const WeightMatrix& w) {
  check(cols == w.cols, "product: {} columns meet weights of {}", cols, w.cols);
}

void check_output(int64_t rows, const WeightMatrix& w, const LinearView<float>& y, const Epilogue& e) {
  check(y.rows == rows && y.cols == w.rows, "product: expected room for {} x {}, found {} x {}", rows, w.rows,
        y.rows, y.cols);
  check(!(y.tiled && e.add_to_output), "product: channel tiles are written, not added to");
}

}  // namespace

void Kernels::linear(LinearView<const float> x, const WeightMatrix& w, LinearView<float> y,
                     const Epilogue& epilogue) const {
  const Product product{w, y};
  linear(x, {&product, 1}, epilogue);
}

void Kernels::linear(LinearView<const float> x, std::span<const Product> products,
                     const Epilogue& epilogue) const {
  check(!products.empty(), "product: no weights");
  const DType type = products.front().w.type;
  for (const auto& [w, y] : products) {
    check(w.type == type, "product: weights of type {} beside {}", name(w.type), name(type));
    check_columns(x.cols, w);
    check_output(x.rows, w, y, epilogue);
  }
  if (in_blocks(type)) {
    linear_blocks(x, products, epilogue);
  } else if (phase_ == Phase::decode || (numerics_.w8a8 && is_quantized(type))) {
    linear_rows(x, products, epilogue);
  } else if (is_quantized(type)) {
    linear_rows_16(x, products, epilogue);
  } else {
    linear_panels(x, products, epilogue);
  }
}

void Kernels::mlp(LinearView<const float> x, std::span<const MlpLayer> layers, LinearView<float> y) const {
  check(!layers.empty(), "mlp: no layers");
  check_columns(x.cols, layers.front().w);
  check_output(x.rows, layers.back().w, y, layers.back().epilogue);
  for (size_t i = 1; i < layers.size(); ++i) {
    check_columns(layers[i - 1].w.rows, layers[i].w);
    check(!layers[i - 1].epilogue.add_to_output, "mlp: only the last layer adds to its output");
  }
  if (std::ranges::all_of(layers, [&](const MlpLayer& layer) { return in_blocks(layer.w.type); })) {
    return mlp_blocks(x, layers, y);
  }
  for (size_t i = 0; i + 1 < layers.size(); ++i) {
    const auto& [w, epilogue] = layers[i];
    const TensorView<float> hidden(workspace_.hidden[i % 2].get(x.rows * w.rows), x.rows, w.rows);
    linear(x, w, hidden, epilogue);
    x = TensorView<const float>(hidden);
  }
  linear(x, layers.back().w, y, layers.back().epilogue);
}

namespace {

/// One row of channel tiles lies as a row does.
bool lies_in_rows(const LinearView<const float>& x) { return !x.tiled || x.rows == 1; }

/// Columns [first, end) of row r of channel tiles to `out`, which has room for whole tiles; `first` begins
/// one.
void gather_row(const LinearView<const float>& x, int64_t r, int64_t first, int64_t end, float* out) {
  const TiledView<const float> tiles{x.data, x.rows, x.cols};
  for (int64_t c = first; c < end; c += kTileChannels, out += kTileChannels) {
    std::memcpy(out, tiles.tile(c / kTileChannels) + r * kTileChannels, kTileChannels * sizeof(float));
  }
}

/// Columns [first, end) of row r of the input: where they lie, or, of channel tiles (`first` begins one),
/// copied to `scratch`.
const float* row_of(const LinearView<const float>& x, int64_t r, int64_t first, int64_t end,
                    Scratch<float>& scratch) {
  if (lies_in_rows(x)) return x.data + r * x.stride + first;
  float* row = scratch.get(end - first + kTileChannels);
  gather_row(x, r, first, end, row);
  return row;
}

}  // namespace

/// The input as rows; channel tiles are copied.
TensorView<const float> Kernels::row_major(const LinearView<const float>& x) const {
  if (lies_in_rows(x)) return {x.data, x.rows, x.cols, x.tiled ? x.cols : x.stride};
  const int64_t stride = round_up(x.cols, kTileChannels);
  float* rows = workspace_.rows.get(x.rows * stride);
  parallel_ranges(threads_for(x.rows * x.cols), x.rows, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) gather_row(x, r, 0, x.cols, rows + r * stride);
  });
  return {rows, x.rows, x.cols, stride};
}

/// Applies the epilogue to product [rows, cols] (leading dimension ld) and stores it as rows [first_row, ...)
/// and columns [first_col, ...) of y; padding of a last channel tile is left as it is. The product is scratch
/// and is changed.
void Kernels::store(float* product, int64_t ld, int64_t rows, int64_t first_row, int64_t first_col,
                    int64_t cols, const LinearView<float>& y, const Epilogue& e) const {
  const auto finish = [&](int64_t c, int64_t width, float* out, int64_t stride) {
    Finish part = e.of_columns(first_col + c);
    part.product = product + c, part.ld = ld;
    part.rows = rows, part.cols = width;
    part.out = out, part.stride = stride;
    table_.finish_product(part);
  };
  if (!y.tiled) return finish(0, cols, y.data + first_row * y.stride + first_col, y.stride);
  const TiledView<float> tiles{y.data, y.rows, y.cols};
  for (int64_t c = 0; c < cols; c += kTileChannels) {
    finish(c, std::min<int64_t>(kTileChannels, cols - c),
           tiles.tile((first_col + c) / kTileChannels) + first_row * kTileChannels, kTileChannels);
  }
}

/// Where rounded activations stand: groups of kRowGroup rows one after the other, and in a group the rows'
/// blocks of the same columns side by side.
struct RowGroups {
  int64_t rows, cols;

  int64_t blocks() const { return cols / kBlockCols; }
  /// Rows of the group that begins with `first_row`.
  int64_t rows_from(int64_t first_row) const { return std::min(kRowGroup, rows - first_row); }
  int64_t rows_with(int64_t r) const { return rows_from(r / kRowGroup * kRowGroup); }
  /// Place of value i of row r, of which each row has `each`: one for a block, say.
  int64_t place(int64_t r, int64_t each, int64_t i) const {
    return r / kRowGroup * kRowGroup * each + i * rows_with(r) + r % kRowGroup;
  }
};

/// Activations in 8 bits, in the workspace.
struct Kernels::QuantizedGroups : RowGroups {
  int8_t* q;
  int16_t* wide;
  int32_t* shift;
  float* scale;
  float* sum;

  QuantizedRows group(int64_t first_row) const {
    const int64_t b = place(first_row, blocks(), 0);
    return {rows_from(first_row),
            cols,
            q + b * kBlockCols,
            wide + b * kBlockCols,
            shift + b * 3,
            scale + b,
            sum + b};
  }
  /// Row r from column `col` on, a multiple of kBlockCols.
  QuantizedRow row(int64_t r, int64_t col) const {
    const int64_t b = place(r, blocks(), col / kBlockCols);
    return {rows_with(r), q + b * kBlockCols, wide + b * kBlockCols, shift + b * 3, scale + b, sum + b};
  }
};

/// Activations in 16 bits, in the workspace.
struct Kernels::Groups16 : RowGroups {
  int16_t* q;
  int32_t* sum;
  float* scale;

  int64_t scales() const { return divide_up(cols, kScaleCols); }
  Rows16 group(int64_t first_row) const {
    const int64_t b = place(first_row, blocks(), 0);
    return {rows_from(first_row), cols, q + b * kBlockCols, sum + b * 3,
            scale + place(first_row, scales(), 0)};
  }
  /// Row r from column `col` on, a multiple of kScaleCols.
  Row16 row(int64_t r, int64_t col) const {
    const int64_t b = place(r, blocks(), col / kBlockCols);
    return {rows_with(r), q + b * kBlockCols, sum + b * 3, scale + place(r, scales(), col / kScaleCols)};
  }
};

/// Calls round(row, n, r, col) for each row r of x and columns [col, col + n), `col` a multiple of `unit`.
/// Threads take columns, not rows: the rows of a block stand together, and would meet in one line of the
/// cache.
template <class Round>
void Kernels::round_rows(const LinearView<const float>& x, int64_t unit, const Round& round) const {
  const int threads = threads_for(x.rows * x.cols * kQuantizeWork);
  parallel_ranges(threads, divide_up(x.cols, unit), [&](int64_t begin, int64_t end, int thread) {
    Scratch<float>& scratch = workspace_.threads[static_cast<size_t>(thread)].product;
    const int64_t col = begin * unit, last = std::min(end * unit, x.cols);
    for (int64_t r = 0; r < x.rows; ++r) round(row_of(x, r, col, last, scratch), last - col, r, col);
  });
}

Kernels::QuantizedGroups Kernels::quantize(const LinearView<const float>& x) const {
  const int64_t blocks = x.rows * x.cols / kBlockCols;
  const QuantizedGroups groups{{x.rows, x.cols},
                               workspace_.quants.get(blocks * kBlockCols),
                               workspace_.wide_quants.get(blocks * kBlockCols),
                               workspace_.quant_shifts.get(blocks * 3),
                               workspace_.quant_scales.get(blocks),
                               workspace_.quant_sums.get(blocks)};
  round_rows(x, kBlockCols, [&](const float* row, int64_t n, int64_t r, int64_t col) {
    table_.quantize_row(row, n, groups.row(r, col));
  });
  return groups;
}

Kernels::Groups16 Kernels::quantize_16(const LinearView<const float>& x) const {
  const int64_t blocks = x.rows * x.cols / kBlockCols;
  const Groups16 groups{{x.rows, x.cols},
                        workspace_.rows_16.get(blocks * kBlockCols),
                        workspace_.sums_16.get(blocks * 3),
                        workspace_.scales_16.get(x.rows * divide_up(x.cols, kScaleCols))};
  round_rows(x, kScaleCols, [&](const float* row, int64_t n, int64_t r, int64_t col) {
    table_.quantize_row_16(row, n, groups.row(r, col));
  });
  return groups;
}

/// Each thread takes tiles of weights, of one product after the other; some stay in its cache while all rows
/// pass by, a group at a time. A thread's tiles follow one another, as memory is read fastest. multiply(w, t,
/// count, first, rows, sums) makes the products of `count` tiles from t on with the rows of a group,
/// [count][rows][16].
template <class Multiply>
void Kernels::over_tiles(int64_t M, std::span<const Product> products, const Epilogue& e,
                         const Multiply& multiply) const {
  const auto piece_of = [&](const Product& p, int64_t t, int64_t end) {
    alignas(64) float sums[kTilesTogether * kRowGroup * kTileRows];
    for (int64_t first = 0; first < M; first += kRowGroup) {
      const int64_t rows = std::min(kRowGroup, M - first);
      multiply(p.w, t, end - t, first, rows, sums);
      for (int64_t i = 0; i < end - t; ++i) {
        const int64_t column = (t + i) * kTileRows;
        store(sums + i * rows * kTileRows, kTileRows, rows, first, column,
              std::min<int64_t>(kTileRows, p.w.rows - column), p.y, e);
      }
    }
  };
  int64_t tiles = 0, weights = 0;
  for (const Product& p : products) tiles += p.w.tiles(), weights += p.w.rows * p.w.cols;
  const int threads = threads_for(M * weights);
  const int64_t piece = std::clamp<int64_t>(tiles / (kPiecesEach * threads), 1, kTilesTogether);
  parallel_shares(threads, tiles, piece, [&](int64_t begin, int64_t end) {
    int64_t before = 0;  // tiles of the products before p
    for (const Product& p : products) {
      const int64_t from = std::max(begin - before, int64_t{0}), to = std::min(end - before, p.w.tiles());
      if (from < to) piece_of(p, from, to);
      before += p.w.tiles();
    }
  });
}

/// Quantised weights with activations in 8 bits, others with float32.
void Kernels::linear_rows(const LinearView<const float>& input, std::span<const Product> products,
                          const Epilogue& e) const {
  if (is_quantized(products.front().w.type)) {
    const QuantizedGroups quants = quantize(input);
    over_tiles(input.rows, products, e,
               [&](const WeightMatrix& w, int64_t t, int64_t count, int64_t first, int64_t, float* sums) {
                 table_.dot_packed(w, t, count, quants.group(first), sums);
               });
    return;
  }
  const TensorView<const float> x = row_major(input);
  over_tiles(input.rows, products, e,
             [&](const WeightMatrix& w, int64_t t, int64_t count, int64_t first, int64_t rows, float* sums) {
               for (int64_t i = 0; i < count; ++i)
                 table_.dot_plain(w, t + i, x.row(first), rows, x.stride, sums + i * rows * kTileRows);
             });
}

/// Quantised weights with activations in 16 bits.
void Kernels::linear_rows_16(const LinearView<const float>& input, std::span<const Product> products,
                             const Epilogue& e) const {
  const Groups16 groups = quantize_16(input);
  over_tiles(input.rows, products, e,
             [&](const WeightMatrix& w, int64_t t, int64_t count, int64_t first, int64_t, float* sums) {
               table_.dot_packed_16(w, t, count, groups.group(first), sums);
             });
}

/// Plain types in float32.
void Kernels::linear_panels(const LinearView<const float>& input, std::span<const Product> products,
                            const Epilogue& e) const {
  const TensorView<const float> x = row_major(input);
  for (const Product& p : products) multiply_panels(x, p, e);
}

/// Each thread takes panels of output columns: widens their weights, multiplies, stores. A column's sum is
/// made by one thread in the order of K, so the number of threads does not show in the result.
void Kernels::multiply_panels(TensorView<const float> x, const Product& p, const Epilogue& e) const {
  const WeightMatrix& w = p.w;
  const int64_t width = panel_cols(w), M = x.rows, K = w.cols;
  parallel_for(threads_for(M * w.rows * K), divide_up(w.rows, width), [&](int64_t panel, int thread) {
    const int64_t first = panel * width, N = std::min(width, w.rows - first);
    const std::byte* plain = w.tile(first / kTileRows);
    Workspace::PerThread& scratch = workspace_.threads[static_cast<size_t>(thread)];
    float* sums = scratch.product.get(M * N);
    const float* B = reinterpret_cast<const float*>(plain);
    if (w.type != DType::f32) {
      float* widened = scratch.panel.get(K * N);
      table_.widen(w.type, plain, N * K, widened);
      B = widened;
    }
    table_.gemm_f32({.M = M, .N = N, .K = K, .lda = x.stride, .ldb = K, .ldc = N, .transpose_b = true},
                    x.data, B, sums);
    store(sums, N, M, 0, first, N, p.y, e);
  });
}

}  // namespace cobra
