// Products of a few rows of activations with the weights of a language model of true shapes, against a summed
// read of the same bytes.
// usage: decode_products_bench [type=q8_0] [threads=2] [layers=16]; COBRA_ISA chooses the kernels.
#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "bench/repeated.h"
#include "bench/summed_read.h"
#include "cobra/runtime.h"
#include "kernels/kernels.h"
#include "layer_matrices.h"

namespace {

using namespace cobra;
using bench::kInner, bench::kModel, bench::kRankAndStates;

constexpr int kRounds = 7;
constexpr int64_t kMaxRows = 32;

/// in_proj, x_proj, out_proj of Mamba-2.8B; dt_proj is float32 and left out.
constexpr int64_t kShapes[][2] = {{2 * kInner, kModel}, {kRankAndStates, kInner}, {kModel, kInner}};

template <typename Work>
double milliseconds(const Work& work) {
  return bench::seconds(work) * 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  const DType type = parse_dtype(argc > 1 ? argv[1] : "q8_0");
  const int threads = argc > 2 ? std::atoi(argv[2]) : 2, layers = argc > 3 ? std::atoi(argv[3]) : 16;
  const KernelTable& table = find_kernels(std::getenv("COBRA_ISA") ? std::getenv("COBRA_ISA") : "");
  std::vector<PackedMatrix> matrices;
  for (int layer = 0; layer < layers; ++layer) {
    for (const auto& [rows, cols] : kShapes) matrices.push_back(bench::random_matrix(type, rows, cols, 1));
  }
  double bytes = 0;
  std::vector<bench::Words> words;
  for (const PackedMatrix& m : matrices) {
    bytes += static_cast<double>(m.view.bytes());
    words.push_back(bench::words_of({m.view.data, static_cast<size_t>(m.view.bytes())}));
  }
  const bool prefetch = bench::prefetch_helps(words, threads);

  std::vector<float> x(kMaxRows * kInner, 0.5f), y(kMaxRows * 2 * kInner);
  Workspace workspace;
  const Kernels kernels(table, threads, workspace, Phase::decode);
  const std::vector<int64_t> row_counts = {1, 2, 4, 8, 16, 32};
  std::vector<std::vector<double>> times(row_counts.size() + 1);
  for (int round = 0; round < kRounds; ++round) {  // interleaved, so that a disturbance meets all of them
    volatile uint64_t sum = 0;
    times[0].push_back(milliseconds([&] { sum = bench::summed_read(words, threads, prefetch); }));
    for (size_t i = 0; i < row_counts.size(); ++i) {
      const int64_t rows = row_counts[i];
      times[i + 1].push_back(milliseconds([&] {
        for (const PackedMatrix& m : matrices) {
          kernels.linear(TensorView<const float>(x.data(), rows, m.view.cols), m.view,
                         TensorView<float>(y.data(), rows, m.view.rows));
        }
      }));
    }
  }
  const double read = bench::median(times[0]);
  fmt::print("{} {}, {} threads, {:.2f} GB; summed read {:.1f} GB/s\n", table.isa, name(type), threads,
             bytes / 1e9, bytes / 1e6 / read);
  for (size_t i = 0; i < row_counts.size(); ++i) {
    const double t = bench::median(times[i + 1]);
    fmt::print("{:>3} rows {:8.2f} ms  {:6.1f} GB/s  {:5.2f} of the read  {:5.2f} x the rows/s of one\n",
               row_counts[i], t, bytes / 1e6 / t, read / t,
               static_cast<double>(row_counts[i]) * bench::median(times[1]) / t);
  }
}
