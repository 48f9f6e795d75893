// AMX: a tile holds 16 rows of 64 bytes, and one instruction multiplies a tile of activations [16][32] by a
// tile of weights [16 pairs][16][2]. Two by two tiles of sums share what is loaded.
#include "kernels/block_product.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernels/weight_matrix.h"

namespace cobra {
namespace {

#define COBRA_AMX __attribute__((target("amx-tile,amx-bf16")))

constexpr int64_t kRows = 16, kTileSize = kRows * kChunkCols;
constexpr int kTileBytes = 64;  // of a row of a tile

/// All eight tiles whole: 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

COBRA_AMX void begin() {
  const TileConfig config;
  // The compiler believes that only its first 8 bytes are read (GCC 12).
  asm volatile("" : : "r"(&config) : "memory");
  _tile_loadconfig(&config);
}

COBRA_AMX void end() { _tile_release(); }

// Tiles 0 to 3 are sums, 4 and 5 activations, 6 and 7 weights; their numbers are part of the instructions.
template <bool kTwoRows, bool kTwoTiles>
COBRA_AMX void multiply_tiles(const BlockProduct& p) {
  const int64_t row_bytes = p.ldc * static_cast<int64_t>(sizeof(float));
  float* below = p.C + kRows * p.ldc;
  if (p.add) {
    _tile_loadd(0, p.C, row_bytes);
    if constexpr (kTwoTiles) _tile_loadd(1, p.C + p.c_stride, row_bytes);
    if constexpr (kTwoRows) _tile_loadd(2, below, row_bytes);
    if constexpr (kTwoRows && kTwoTiles) _tile_loadd(3, below + p.c_stride, row_bytes);
  } else {
    _tile_zero(0);
    if constexpr (kTwoTiles) _tile_zero(1);
    if constexpr (kTwoRows) _tile_zero(2);
    if constexpr (kTwoRows && kTwoTiles) _tile_zero(3);
  }
  const BFloat16 *A = p.A, *B = p.B;
  for (int64_t k = 0; k < p.depth; k += kChunkCols, A += kTileSize, B += kTileSize) {
    _tile_loadd(6, B, kTileBytes);
    _tile_loadd(4, A, kTileBytes);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (kTwoTiles) {
      _tile_loadd(7, B + p.b_stride, kTileBytes);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (kTwoRows) {
      _tile_loadd(5, A + p.a_stride, kTileBytes);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (kTwoTiles) _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, p.C, row_bytes);
  if constexpr (kTwoTiles) _tile_stored(1, p.C + p.c_stride, row_bytes);
  if constexpr (kTwoRows) _tile_stored(2, below, row_bytes);
  if constexpr (kTwoRows && kTwoTiles) _tile_stored(3, below + p.c_stride, row_bytes);
}

void multiply(const BlockProduct& p) {
  const bool two_tiles = p.tiles > 1;
  if (p.rows > kRows) {
    two_tiles ? multiply_tiles<true, true>(p) : multiply_tiles<true, false>(p);
  } else {
    two_tiles ? multiply_tiles<false, true>(p) : multiply_tiles<false, false>(p);
  }
}

/// Linux keeps 8 KB of tiles for a process that has asked for them.
bool allowed_by_system() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

const BlockUnit* amx_block_unit() {
  static constexpr BlockUnit unit{.name = "amx",
                                  .chunk_rows = kRows,
                                  .rows = 2 * kRows,
                                  .tiles = 2,
                                  .depth_step = kChunkCols,
                                  .block_rows = 400,
                                  .block_tiles = 16,
                                  .block_depth = 256,
                                  .works_ahead = true,
                                  .multiply = multiply,
                                  .begin = begin,
                                  .end = end};
  return &unit;
}

bool has_amx_bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kBf16 = 1U << 22, kTile = 1U << 24;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kBf16) == 0 || (d & kTile) == 0) return false;
  static const bool allowed = allowed_by_system();
  return allowed;
}

}  // namespace cobra
#else
namespace cobra {

const BlockUnit* amx_block_unit() { return nullptr; }
bool has_amx_bf16() { return false; }

}  // namespace cobra
#endif
