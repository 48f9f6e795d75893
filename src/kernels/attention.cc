// Kernels::attention: a block of queries of one head at a time, so that its scores stay in cache.
#include <algorithm>
#include <cmath>

#include "base/parallel.h"
#include "kernels/block_product.h"
#include "kernels/chunks.h"
#include "kernels/kernels.h"
#include "kernels/rounding.h"

namespace cobra {
namespace {

constexpr int64_t kQueryBlock = 128;  // of float32: 128 x 734 scores fit the second-level cache

/// C = A B as BlockProduct says, of any number of tiles and columns: as much as the unit takes at a time.
void multiply(const BlockUnit& unit, const BlockProduct& whole) {
  for (int64_t t = 0; t < whole.tiles; t += unit.tiles) {
    for (int64_t k = 0; k < whole.depth; k += unit.block_depth) {
      BlockProduct part = whole;
      part.A += k * unit.chunk_rows;
      part.B += t * whole.b_stride + k * kTileRows;
      part.C += t * whole.c_stride;
      part.tiles = std::min(unit.tiles, whole.tiles - t);
      part.depth = std::min(unit.block_depth, whole.depth - k);
      part.add = k > 0;
      unit.multiply(part);
    }
  }
}

/// Attention by block products: keys are the weights of queries, values those of softmax's results.
class BlockAttention {
 public:
  BlockAttention(const KernelTable& table, TensorView<const float> qkv, int heads)
      : table_(table),
        unit_(*table.block_unit),
        qkv_(qkv),
        d_(qkv.cols / 3),
        head_dim_(d_ / heads),
        depth_(round_up(head_dim_, kChunkCols)),
        keys_(round_up(qkv.rows, kChunkCols)),
        key_tiles_(divide_up(qkv.rows, kTileRows)),
        value_tiles_(divide_up(head_dim_, kTileRows)),
        queries_size_(Chunks::size(qkv.rows, head_dim_, unit_.chunk_rows)),
        keys_size_(key_tiles_ * kTileRows * depth_),
        values_size_(value_tiles_ * kTileRows * keys_) {}

  /// Rows of queries that attend() takes: their scores, and keys and values, stay in the second-level cache.
  int64_t query_block() const { return unit_.rows; }
  /// Elements that one head takes of `packed`.
  int64_t head_size() const { return queries_size_ + keys_size_ + values_size_; }

  void pack(int64_t head, BFloat16* packed, Workspace::PerThread& scratch) const {
    packed += head * head_size();
    const Chunks queries{packed, qkv_.rows, head_dim_, unit_.chunk_rows};
    to_chunks(table_, part(head, 0), 0, queries.groups(), queries);
    pack_keys(part(head, 1), packed + queries_size_, scratch.panel_bf16.get(keys_size_));
    pack_values(part(head, 2), packed + queries_size_ + keys_size_,
                scratch.panel_bf16.get(2 * value_tiles_ * kTileRows));
  }

  /// Rows [first, first + rows) of a head's outputs; at most query_block().
  void attend(int64_t head, int64_t first, int64_t rows, const BFloat16* packed,
              Workspace::PerThread& scratch, TensorView<float> out) const {
    const BFloat16* queries = packed + head * head_size();
    const int64_t R = unit_.chunk_rows, all_rows = round_up(rows, R);  // whole chunks may be written
    const int64_t sums_cols = value_tiles_ * kTileRows;
    float* scores = scratch.product.get(all_rows * (keys_ + sums_cols + 1));
    float* sums = scores + all_rows * keys_;
    float* totals = sums + all_rows * sums_cols;  // what softmax divides by, of each row
    const Chunks weights{scratch.panel_bf16.get(Chunks::size(rows, qkv_.rows, R)), rows, qkv_.rows, R};
    unit_.begin();
    multiply(unit_, {.A = queries + first * depth_,
                     .a_stride = R * depth_,
                     .rows = rows,
                     .B = queries + queries_size_,
                     .b_stride = depth_ * kTileRows,
                     .tiles = key_tiles_,
                     .C = scores,
                     .c_stride = kTileRows,
                     .ldc = keys_,
                     .depth = round_up(head_dim_, unit_.depth_step),
                     .add = false});
    const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim_));
    weights.clear_edges();
    for (int64_t r = 0; r < rows; ++r) {
      totals[r] =
          table_.softmax_numerators(scores + r * keys_, scale, qkv_.rows, weights.at(r, 0), R * kChunkCols);
    }
    multiply(unit_, {.A = weights.data,
                     .a_stride = weights.group_size(),
                     .rows = rows,
                     .B = queries + queries_size_ + keys_size_,
                     .b_stride = keys_ * kTileRows,
                     .tiles = value_tiles_,
                     .C = sums,
                     .c_stride = kTileRows,
                     .ldc = sums_cols,
                     .depth = round_up(qkv_.rows, unit_.depth_step),
                     .add = false});
    unit_.end();
    for (int64_t r = 0; r < rows; ++r) {
      const float* row = sums + r * sums_cols;
      std::transform(row, row + head_dim_, out.row(first + r) + head * head_dim_,
                     [inverse = 1.0f / totals[r]](float sum) { return sum * inverse; });
    }
  }

 private:
  /// A head's queries (0), keys (1) or values (2).
  TensorView<const float> part(int64_t head, int64_t which) const {
    return qkv_.slice_cols(which * d_ + head * head_dim_, head_dim_);
  }

  /// `rows` [16 tiles][depth] in bfloat16 is scratch.
  void pack_keys(TensorView<const float> keys, BFloat16* out, BFloat16* rows) const {
    std::fill_n(rows, keys_size_, BFloat16{});
    for (int64_t r = 0; r < keys.rows; ++r) table_.to_bfloat16(keys.row(r), keys.cols, rows + r * depth_);
    const WeightMatrix w{DType::bf16, key_tiles_ * kTileRows, depth_,
                         reinterpret_cast<const std::byte*>(rows)};
    for (int64_t t = 0; t < key_tiles_; ++t)
      table_.expand_pairs(w, t, 0, depth_, out + t * depth_ * kTileRows);
  }

  /// out [tiles][keys/2][16][2]: a pair is a value of two keys. `two` [2][16 tiles] is scratch.
  void pack_values(TensorView<const float> values, BFloat16* out, BFloat16* two) const {
    const int64_t cols = value_tiles_ * kTileRows;
    for (int64_t key = 0; key < keys_; key += 2) {
      std::fill_n(two, 2 * cols, BFloat16{});
      for (int64_t r = key; r < std::min(key + 2, values.rows); ++r) {
        table_.to_bfloat16(values.row(r), values.cols, two + (r - key) * cols);
      }
      for (int64_t t = 0; t < value_tiles_; ++t) {
        const BFloat16* tile = two + t * kTileRows;
        BFloat16* pairs = out + (t * keys_ + key) * kTileRows;
        for (int64_t i = 0; i < kTileRows; ++i) pairs[2 * i] = tile[i], pairs[2 * i + 1] = tile[cols + i];
      }
    }
  }

  const KernelTable& table_;
  const BlockUnit& unit_;
  TensorView<const float> qkv_;
  int64_t d_, head_dim_;
  int64_t depth_, keys_;  // head_dim and rows, up to whole chunks: how they are laid out
  int64_t key_tiles_, value_tiles_;
  int64_t queries_size_, keys_size_, values_size_;  // of one head, in elements
};

}  // namespace

void Kernels::attention_blocks(TensorView<const float> qkv, int heads, TensorView<float> out) const {
  const BlockAttention attention(table_, qkv, heads);
  BFloat16* packed = workspace_.rows_bf16.get(heads * attention.head_size());
  const int64_t S = qkv.rows, block = attention.query_block(), blocks = divide_up(S, block);
  const int threads = threads_for(S * S * qkv.cols);
  parallel_for(threads, heads, [&](int64_t head, int thread) {
    attention.pack(head, packed, workspace_.threads[static_cast<size_t>(thread)]);
  });
  parallel_for(threads, heads * blocks, [&](int64_t task, int thread) {
    const int64_t first = task % blocks * block;
    attention.attend(task / blocks, first, std::min(block, S - first), packed,
                     workspace_.threads[static_cast<size_t>(thread)], out);
  });
}

void Kernels::attention_f32(TensorView<const float> qkv, int heads, TensorView<float> out) const {
  const int64_t S = qkv.rows, d = qkv.cols / 3, head_dim = d / heads, blocks = divide_up(S, kQueryBlock);
  const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  parallel_for(threads_for(S * S * qkv.cols), heads * blocks, [&](int64_t task, int thread) {
    const int64_t head = task / blocks, first = task % blocks * kQueryBlock,
                  rows = std::min(kQueryBlock, S - first);
    float* scores = workspace_.threads[static_cast<size_t>(thread)].product.get(kQueryBlock * S);
    const float* q = qkv.row(first) + head * head_dim;
    const float* k = qkv.data + d + head * head_dim;
    const float* v = qkv.data + 2 * d + head * head_dim;
    table_.gemm_f32({.M = rows,
                     .N = S,
                     .K = head_dim,
                     .lda = qkv.stride,
                     .ldb = qkv.stride,
                     .ldc = S,
                     .transpose_b = true},
                    q, k, scores);
    for (int64_t r = 0; r < rows; ++r) table_.softmax(scores + r * S, scale, S);
    table_.gemm_f32({.M = rows,
                     .N = head_dim,
                     .K = S,
                     .lda = S,
                     .ldb = qkv.stride,
                     .ldc = out.stride,
                     .transpose_b = false},
                    scores, v, out.row(first) + head * head_dim);
  });
}

void Kernels::attention(TensorView<const float> qkv, int heads, DType weights, TensorView<float> out) const {
  in_bf16(weights) ? attention_blocks(qkv, heads, out) : attention_f32(qkv, heads, out);
}

}  // namespace cobra
