// Bfloat16 products of a prompt, a block at a time: the inner kernels of Kernels::linear_blocks, by AMX tiles
// or by AVX512-BF16. Both multiply pairs of columns and read the same layouts:
//
//   activations  [M/R][K/32][R][32]    R: BlockUnit::chunk_rows
//   weights      [tiles][K/2][16][2]   KernelTable::expand_pairs
//
// with zeros up to a multiple of 32 columns. Either is read in one stream.
#pragma once

#include <cstdint>

#include "base/half.h"

namespace cobra {

/// Columns of a chunk of activations.
inline constexpr int64_t kChunkCols = 32;

/// C [tiles][rows][16] = (C +) A B. Strides in elements.
struct BlockProduct {
  const BFloat16* A;  // [rows/R][depth/32][R][32]
  int64_t a_stride;   // from R rows to the next R
  int64_t rows;
  const BFloat16* B;  // [tiles][depth/2][16][2]
  int64_t b_stride;   // from one tile to the next
  int64_t tiles;
  float* C;
  int64_t c_stride;  // from one tile to the next
  int64_t ldc;       // from one row to the next
  int64_t depth;     // a multiple of BlockUnit::depth_step
  bool add;          // to what stands in C
};

/// How a machine multiplies blocks. A sum depends on K alone: it is made in the order of the columns,
/// whatever rows and tiles are and wherever (at multiples of 32) the depth is cut.
struct BlockUnit {
  const char* name;
  int64_t chunk_rows;   // whole chunks are read of A, and may be written of C
  int64_t rows, tiles;  // handed to `multiply` at most
  int64_t depth_step;   // kChunkCols or a part of it
  /// What a block has at most: with these its sums, the activations that pass by and the `tiles` of weights
  /// that are multiplied and expanded stay in the second-level cache, AMX's weights in the first-level one.
  int64_t block_rows, block_tiles, block_depth;
  /// Whether the next weights are expanded and the next block's activations fetched between products.
  /// That pays where products leave the vector units free; elsewhere a result claimed early only lets other
  /// threads wait at the end.
  bool works_ahead;
  void (*multiply)(const BlockProduct& product);
  void (*begin)();  // on each thread, before and
  void (*end)();    // after its products
};

/// The units, for tests of either; null on another architecture. To be used where has_... says so.
const BlockUnit* amx_block_unit();
const BlockUnit* avx512_block_unit();
/// Whether the machine has AMX tiles of bfloat16 and the system lets this process use them.
bool has_amx_bf16();
bool has_avx512_bf16();
/// Whether a machine that has them should multiply by them. Intel's processors begin such an instruction
/// every second cycle, but two a cycle for float32 or pairs of 16-bit integers (bench/NOTES.md).
bool has_fast_avx512_bf16();
/// The machine's fastest, or null.
const BlockUnit* best_block_unit();

}  // namespace cobra
