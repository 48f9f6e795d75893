// Products of a prompt with the weights of language model layers of true shapes, in every way that this
// machine has: by each unit that multiplies blocks in bfloat16, in 16-bit integers, and in 8-bit ones.
//
// With AVX512-BF16 there is one more, which stands in for AMX: it loads and stores what tile instructions
// would and multiplies nothing. So it shows what is around AMX's products: expanding weights, rounding
// activations, storing sums. AMX with these caches and this memory cannot be faster.
//
// usage: prompt_products_bench [type=q8_0] [rows=768] [threads=2] [layers=6]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "bench/repeated.h"
#include "cobra/runtime.h"
#include "kernels/block_product.h"
#include "kernels/kernels.h"
#include "layer_matrices.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using namespace cobra;
using bench::kInner, bench::kModel;

constexpr int kRounds = 7;

#if defined(__x86_64__)
#define COBRA_AVX512 __attribute__((target("avx512f")))

/// The 16 rows of a tile, `stride` elements apart.
template <typename T>
COBRA_AVX512 inline void load_tile(const T* tile, int64_t stride) {
  for (int64_t r = 0; r < 16; ++r) asm volatile("" : : "v"(_mm512_loadu_si512(tile + r * stride)));
}

COBRA_AVX512 inline void store_tile(float* tile, int64_t stride) {
  for (int64_t r = 0; r < 16; ++r) _mm512_storeu_ps(tile + r * stride, _mm512_setzero_ps());
}

/// What block_amx.cc reads and writes, in its order.
COBRA_AVX512 void load_and_store(const BlockProduct& p) {
  const int64_t row_tiles = p.rows > 16 ? 2 : 1;
  const auto for_sums = [&](auto body) COBRA_AVX512 {
    for (int64_t r = 0; r < row_tiles; ++r) {
      for (int64_t t = 0; t < p.tiles; ++t) body(p.C + t * p.c_stride + r * 16 * p.ldc, p.ldc);
    }
  };
  if (p.add) for_sums([](const float* sums, int64_t stride) COBRA_AVX512 { load_tile(sums, stride); });
  for (int64_t k = 0; k < p.depth; k += kChunkCols) {
    for (int64_t t = 0; t < p.tiles; ++t) load_tile(p.B + t * p.b_stride + k * kTileRows, kChunkCols);
    for (int64_t r = 0; r < row_tiles; ++r) load_tile(p.A + r * p.a_stride + k * kTileRows, kChunkCols);
  }
  for_sums([](float* sums, int64_t stride) COBRA_AVX512 { store_tile(sums, stride); });
}
#endif

/// A table and a name for each way.
struct Way {
  std::string name;
  KernelTable table;
  Numerics numerics = {};
};

std::vector<Way> ways(const KernelTable& best) {
  std::vector<Way> all;
  const auto add = [&](std::string name, const BlockUnit* unit, bool w8a8 = false) {
    Way way{std::move(name), best, {}};
    way.table.block_unit = unit;
    way.numerics.w8a8 = w8a8;
    all.push_back(way);
  };
  if (has_amx_bf16()) add("amx", amx_block_unit());
  if (has_avx512_bf16()) add("avx512-bf16", avx512_block_unit());
  add("16-bit integers", nullptr);
  add("8-bit integers", nullptr, true);
#if defined(__x86_64__)
  if (has_avx512_bf16() && amx_block_unit()) {
    static BlockUnit stand_in = *amx_block_unit();
    stand_in.multiply = load_and_store;
    stand_in.begin = stand_in.end = [] {};
    add("amx without products", &stand_in);
  }
#endif
  return all;
}

/// in_proj's two halves and out_proj of a layer; x_proj and dt_proj, 4 % of the work, are left out.
struct Layer {
  PackedMatrix in_x, in_z, out;
};

}  // namespace

int main(int argc, char** argv) {
  const DType type = parse_dtype(argc > 1 ? argv[1] : "q8_0");
  const int64_t M = argc > 2 ? std::atoi(argv[2]) : 768;
  const int threads = argc > 3 ? std::atoi(argv[3]) : 2, count = argc > 4 ? std::atoi(argv[4]) : 6;
  std::vector<Layer> layers;
  for (int i = 0; i < count; ++i) {
    layers.push_back({bench::random_matrix(type, kInner, kModel, 1),
                      bench::random_matrix(type, kInner, kModel, 2),
                      bench::random_matrix(type, kModel, kInner, 3)});
  }
  AlignedBuffer<float> input(M * kModel), output(M * kModel), x(M * kInner), z(M * kInner);
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  std::generate_n(input.data(), M * kModel, [&] { return normal(random); });
  const TensorView<float> h(input.data(), M, kModel), y(output.data(), M, kModel);
  const TiledView<float> x_tiles{x.data(), M, kInner}, z_tiles{z.data(), M, kInner};
  Workspace workspace;
  const std::vector<Way> all = ways(find_kernels(""));
  std::vector<std::vector<double>> times(all.size());
  for (int round = 0; round < kRounds; ++round) {  // interleaved, so that a disturbance meets all of them
    for (size_t i = 0; i < all.size(); ++i) {
      const Kernels kernels(all[i].table, threads, workspace, Phase::prefill, all[i].numerics);
      times[i].push_back(bench::seconds([&] {
        for (const Layer& layer : layers) {
          const Product in_proj[] = {{layer.in_x.view, x_tiles}, {layer.in_z.view, z_tiles}};
          kernels.linear(h, in_proj);
          kernels.linear(x_tiles, layer.out.view, y);
        }
      }));
    }
  }
  const double operations = 2.0 * static_cast<double>(M * count * 3 * kInner * kModel);
  fmt::print("{}, {} rows, {} threads: 10^12 operations/s, median of {} (lowest, highest)\n", name(type), M,
             threads, kRounds);
  for (size_t i = 0; i < all.size(); ++i) {
    const auto [fast, slow] = std::minmax_element(times[i].begin(), times[i].end());
    const auto rate = [&](double s) { return operations / s / 1e12; };
    fmt::print("{:<22}{:8.3f} ({:.3f}, {:.3f})\n", all[i].name, rate(bench::median(times[i])), rate(*slow),
               rate(*fast));
  }
}
