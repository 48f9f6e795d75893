// Kernels::linear_blocks: a prompt's products in bfloat16. Blocks of the result, some rows of a panel of
// columns, are handed out to threads. A thread walks the depth of its result block by block: activations
// stream past a few tiles of expanded weights after another. A unit that works ahead (BlockUnit) has the next
// tiles' weights expanded piece by piece between its products, so that the one's arithmetic hides the other's
// and what they wait for.
#include <algorithm>
#include <atomic>

#include "base/parallel.h"
#include "kernels/block_product.h"
#include "kernels/chunks.h"
#include "kernels/kernels.h"
#include "kernels/rounding.h"

namespace cobra {
namespace {

/// Rows of the result that all tiles of a panel are written to before the next: more lie on more pages than
/// the processor has at hand.
constexpr int64_t kRowsStored = 16;

void prefetch_to_second_level(const void* first, int64_t bytes) {
  const char* p = static_cast<const char*>(first);
  for (int64_t i = 0; i < bytes; i += kCacheLine) __builtin_prefetch(p + i, 0, 2);
}

/// How a product is cut: even shares of rows, and of tiles for each thread.
struct Cut {
  int64_t rows, tiles, depth;  // of the product; depth a multiple of kChunkCols
  int64_t chunk_rows, block_rows, panel_tiles, block_depth;

  Cut(int64_t M, const WeightMatrix& w, int threads, const BlockUnit& unit)
      : rows(M),
        tiles(w.tiles()),
        depth(round_up(w.cols, kChunkCols)),
        chunk_rows(unit.chunk_rows),
        block_depth(std::min(unit.block_depth, depth)) {
    block_rows = round_up(divide_up(M, divide_up(M, unit.block_rows)), chunk_rows);
    const int64_t panels_each = divide_up(tiles, threads * unit.block_tiles);
    panel_tiles = round_up(divide_up(tiles, threads * panels_each), unit.tiles);
  }
  int64_t row_blocks() const { return divide_up(rows, block_rows); }
  int64_t tiles_of(int64_t panel) const { return std::min(panel_tiles, tiles - panel * panel_tiles); }
  int64_t rows_from(int64_t row) const { return std::min(block_rows, rows - row); }
  int64_t depth_from(int64_t col) const { return std::min(block_depth, depth - col); }
  /// Sums of a block, [tiles][rows][16], that one tile takes.
  int64_t tile_sums() const { return block_rows * kTileRows; }
};

/// Where a block begins.
struct Block {
  int64_t panel, row, col;
};

/// Some tiles of a block's weights being expanded, 32 columns of a tile at a time.
class TileWeights {
 public:
  TileWeights(const KernelTable& table, const WeightMatrix& w, const Cut& cut)
      : table_(table),
        w_(w),
        cut_(cut),
        packed_chunk_bytes_(is_quantized(w.type) ? w.tile_bytes() * kChunkCols / w.cols : 0) {}

  /// `count` tiles of a block from `first` on.
  void begin(const Block& block, int64_t first, int64_t count, BFloat16* out) {
    tile_ = block.panel * cut_.panel_tiles + first, col_ = block.col, out_ = out, done_ = 0;
    chunks_ = cut_.depth_from(block.col) / kChunkCols;
    pieces_ = count * chunks_;
  }
  /// As many pieces as belong to `part` of `parts`.
  void advance(int64_t part, int64_t parts) {
    for (const int64_t end = pieces_ * part / parts; done_ < end;) {
      const int64_t chunk = done_ % chunks_, count = std::min(end - done_, chunks_ - chunk);
      expand(done_ / chunks_, chunk * kChunkCols, count * kChunkCols);
      done_ += count;
    }
  }

 private:
  void expand(int64_t i, int64_t first, int64_t cols) {
    const int64_t tile = tile_ + i, col = col_ + first;
    table_.expand_pairs(w_, tile, col, cols, out_ + (i * cut_.block_depth + first) * kTileRows);
    const int64_t later = col + cut_.block_depth;  // what the block after this one will read
    if (later < w_.cols) {
      const int64_t chunks = std::min(cols, w_.cols - later) / kChunkCols;
      prefetch_to_second_level(w_.tile(tile) + later / kChunkCols * packed_chunk_bytes_,
                               chunks * packed_chunk_bytes_);
    }
  }

  const KernelTable& table_;
  const WeightMatrix& w_;
  const Cut& cut_;
  int64_t packed_chunk_bytes_;
  int64_t tile_ = 0, col_ = 0;
  BFloat16* out_ = nullptr;
  int64_t chunks_ = 1, pieces_ = 0, done_ = 0;
};

/// One thread's way through the results it takes.
class PanelWalk {
 public:
  PanelWalk(const KernelTable& table, const WeightMatrix& w, const Cut& cut, const Chunks& rows,
            Workspace::PerThread& scratch)
      : unit_(*table.block_unit),
        cut_(cut),
        rows_(rows),
        b_stride_(cut.block_depth * kTileRows),
        weights_(table, w, cut),
        now_(scratch.panel_bf16.get(2 * unit_.tiles * b_stride_)),
        next_(now_ + unit_.tiles * b_stride_),
        sums_(scratch.product.get(cut.panel_tiles * cut.tile_sums())) {}

  /// Takes blocks of the result until there are none; store(panel, first row, sums) gets each one finished.
  template <class Store>
  void run(std::atomic<int64_t>& results, const Store& store) {
    Block block = result(results++);
    if (!exists(block)) return;
    unit_.begin();
    begin_weights(block, 0);
    while (exists(block)) {
      const int64_t tiles = cut_.tiles_of(block.panel);
      Block after = unit_.works_ahead ? following(block, results) : block;
      for (int64_t t = 0, next = unit_.tiles; t < tiles; t = next, next += unit_.tiles) {
        finish_weights();
        if (next < tiles) {
          begin_weights(block, next);
        } else if (unit_.works_ahead) {
          begin_weights(after, 0);
        }
        multiply(block, t, after);
      }
      if (block.col + cut_.block_depth >= cut_.depth) store(block.panel, block.row, sums_);
      if (!unit_.works_ahead) {
        after = following(block, results);
        begin_weights(after, 0);
      }
      block = after;
    }
    unit_.end();
  }

 private:
  /// The first block of result i.
  Block result(int64_t i) const {
    return {i / cut_.row_blocks(), i % cut_.row_blocks() * cut_.block_rows, 0};
  }
  bool exists(const Block& b) const { return b.panel * cut_.panel_tiles < cut_.tiles; }
  /// The block after `b`, of a new result after the last one of its result.
  Block following(const Block& b, std::atomic<int64_t>& results) const {
    if (b.col + cut_.block_depth < cut_.depth) return {b.panel, b.row, b.col + cut_.block_depth};
    return result(results++);
  }

  /// From now on the weights of tiles from t on are expanded.
  void begin_weights(const Block& b, int64_t t) {
    if (!exists(b)) return;
    weights_.begin(b, t, std::min(unit_.tiles, cut_.tiles_of(b.panel) - t), next_);
  }
  /// They are complete, and multiplied next.
  void finish_weights() {
    weights_.advance(1, 1);
    std::swap(now_, next_);
  }

  void multiply(const Block& block, int64_t t, const Block& after) {
    const int64_t tiles = cut_.tiles_of(block.panel), rows = cut_.rows_from(block.row);
    const int64_t row_parts = divide_up(rows, unit_.rows), parts = divide_up(tiles, unit_.tiles) * row_parts;
    for (int64_t part = 1; part <= row_parts; ++part) {
      const int64_t r = (part - 1) * unit_.rows;
      unit_.multiply({.A = rows_.at(block.row + r, block.col),
                      .a_stride = rows_.group_size(),
                      .rows = std::min(unit_.rows, rows - r),
                      .B = now_,
                      .b_stride = b_stride_,
                      .tiles = std::min(unit_.tiles, tiles - t),
                      .C = sums_ + t * cut_.tile_sums() + r * kTileRows,
                      .c_stride = cut_.tile_sums(),
                      .ldc = kTileRows,
                      .depth = cut_.depth_from(block.col),
                      .add = block.col > 0});
      if (unit_.works_ahead) {
        weights_.advance(part, row_parts);
        fetch_rows(after, t / unit_.tiles * row_parts + part, parts);
      }
    }
  }

  /// The share `part` of `parts` of a block's activations.
  void fetch_rows(const Block& b, int64_t part, int64_t parts) const {
    const int64_t group = cut_.depth_from(b.col) / kChunkCols * cut_.chunk_rows;  // lines in one piece
    const int64_t lines = divide_up(cut_.rows_from(b.row), cut_.chunk_rows) * group;
    const int64_t end = lines * part / parts;
    for (int64_t i = lines * (part - 1) / parts; i < end;) {
      const int64_t count = std::min(end, (i / group + 1) * group) - i;
      prefetch_to_second_level(rows_.at(b.row + i / group * cut_.chunk_rows, b.col) + i % group * kChunkCols,
                               count * kCacheLine);
      i += count;
    }
  }

  const BlockUnit& unit_;
  const Cut& cut_;
  const Chunks rows_;
  int64_t b_stride_;
  TileWeights weights_;
  BFloat16 *now_, *next_;
  float* sums_;
};

}  // namespace

/// x in chunks, which stand in `scratch`.
Chunks Kernels::rounded_rows(const LinearView<const float>& x, Scratch<BFloat16>& scratch) const {
  const int64_t R = table_.block_unit->chunk_rows;
  const Chunks rows{scratch.get(Chunks::size(x.rows, x.cols, R)), x.rows, x.cols, R};
  parallel_ranges(threads_for(x.rows * x.cols), rows.groups(),
                  [&](int64_t begin, int64_t end, int) { to_chunks(table_, x, begin, end, rows); });
  return rows;
}

/// x w^T; finish(sums, rows, row, column, columns) gets some rows and at most 16 columns of it, [rows][16].
template <class FinishTile>
void Kernels::multiply_blocks(const Chunks& x, const WeightMatrix& w, const FinishTile& finish) const {
  const int threads = threads_for(x.rows * w.rows * w.cols);
  const Cut cut(x.rows, w, threads, *table_.block_unit);
  std::atomic<int64_t> results{0};
  parallel_ranges(threads, threads, [&](int64_t, int64_t, int thread) {
    PanelWalk walk(table_, w, cut, x, workspace_.threads[static_cast<size_t>(thread)]);
    walk.run(results, [&](int64_t panel, int64_t row, float* sums) {
      for (int64_t r = 0; r < cut.rows_from(row); r += kRowsStored) {
        for (int64_t i = 0; i < cut.tiles_of(panel); ++i) {
          const int64_t column = (panel * cut.panel_tiles + i) * kTileRows;
          finish(sums + i * cut.tile_sums() + r * kTileRows, std::min(kRowsStored, cut.rows_from(row) - r),
                 row + r, column, std::min<int64_t>(kTileRows, w.rows - column));
        }
      }
    });
  });
}

void Kernels::multiply_blocks(const Chunks& x, const Product& p, const Epilogue& e) const {
  multiply_blocks(x, p.w, [&](float* sums, int64_t rows, int64_t row, int64_t column, int64_t columns) {
    store(sums, kTileRows, rows, row, column, columns, p.y, e);
  });
}

void Kernels::linear_blocks(const LinearView<const float>& x, std::span<const Product> products,
                            const Epilogue& e) const {
  const Chunks rows = rounded_rows(x, workspace_.rows_bf16);
  for (const Product& p : products) multiply_blocks(rows, p, e);
}

/// The layer's result in chunks, which stand in `scratch`.
Chunks Kernels::hidden_blocks(const Chunks& x, const MlpLayer& layer, Scratch<BFloat16>& scratch) const {
  const WeightMatrix& w = layer.w;
  const Chunks y{scratch.get(Chunks::size(x.rows, w.rows, x.R)), x.rows, w.rows, x.R};
  y.clear_edges();
  multiply_blocks(x, w, [&](float* sums, int64_t rows, int64_t row, int64_t column, int64_t columns) {
    for (int64_t r = 0; r < rows; r += y.R) {
      Finish part = layer.epilogue.of_columns(column);
      part.product = sums + r * kTileRows, part.ld = kTileRows;
      part.rows = std::min(y.R, rows - r), part.cols = columns;
      part.rounded = y.at(row + r, column), part.stride = kChunkCols;
      table_.finish_product(part);
    }
  });
  return y;
}

void Kernels::mlp_blocks(const LinearView<const float>& x, std::span<const MlpLayer> layers,
                         const LinearView<float>& y) const {
  Chunks rows = rounded_rows(x, workspace_.rows_bf16);
  for (size_t i = 0; i + 1 < layers.size(); ++i) {
    rows = hidden_blocks(rows, layers[i], workspace_.hidden_bf16[i % 2]);
  }
  multiply_blocks(rows, {layers.back().w, y}, layers.back().epilogue);
}

}  // namespace cobra
