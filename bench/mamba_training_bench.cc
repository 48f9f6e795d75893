// Times of training's convolution and scan, forward and backward, one sequence with 16 states and 4 taps.
// usage: mamba_training_bench [L=768] [channels=2048] [threads=1]; COBRA_ISA chooses the kernels.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <random>
#include <vector>

#include "kernels/mamba_training.h"

namespace {

using namespace cobra;
using Floats = std::vector<float>;

constexpr int64_t kStates = 16;
constexpr int kTaps = 4, kRounds = 15;

Floats random_values(int64_t n, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Floats values(static_cast<size_t>(n));
  for (float& v : values) v = normal(random);
  return values;
}

double milliseconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

/// Interleaved, so that a disturbance meets all of them; the best of the rounds.
std::vector<double> best_times(const std::vector<std::function<void()>>& works) {
  std::vector<double> best(works.size(), 1e30);
  for (int round = 0; round < kRounds; ++round) {
    for (size_t i = 0; i < works.size(); ++i) best[i] = std::min(best[i], milliseconds(works[i]));
  }
  return best;
}

void run(const KernelTable& table, int64_t L, int64_t channels, int threads) {
  Floats x = random_values(L * channels, 1), dt = random_values(L * channels, 2),
         z = random_values(L * channels, 3), dy = random_values(L * channels, 4),
         B = random_values(L * kStates, 5), C = random_values(L * kStates, 6),
         A = random_values(channels * kStates, 7), D = random_values(channels, 8),
         bias = random_values(channels, 9), taps = random_values(channels * kTaps, 10);
  for (float& a : A) a = -std::exp(a);
  const auto view = [&](Floats& v) { return TensorView<float>(v.data(), L, std::ssize(v) / L); };
  const ScanOperands scan = {1,       L,       view(x),  view(dt), view(z),
                             view(B), view(C), A.data(), D.data(), bias.data()};
  const ConvOperands conv = {1, L, kTaps, view(x), taps.data(), bias.data()};
  Floats y(x), dx(x), ddt(x), dz(x), dB(B), dC(C), dA(A), dD(D), dbias(D), dtaps(taps),
      checkpoints(static_cast<size_t>(scan_checkpoint_size(scan)));
  const std::vector<double> t = best_times({
      [&] { selective_scan_forward(table, threads, scan, nullptr, checkpoints.data(), view(y)); },
      [&] {
        selective_scan_backward(
            table, threads, scan, checkpoints.data(), view(dy),
            {view(dx), view(ddt), view(dz), view(dB), view(dC), dA.data(), dD.data(), dbias.data()});
      },
      [&] { causal_conv1d_silu_forward(table, threads, conv, view(y)); },
      [&] {
        causal_conv1d_silu_backward(table, threads, conv, view(dy), {view(dx), dtaps.data(), dbias.data()});
      },
  });
  fmt::print(
      "{} threads {} L {} channels {}: scan {:.2f} ms, backward {:.2f} ms ({:.2f} x); conv {:.2f} ms, "
      "backward {:.2f} ms ({:.2f} x)\n",
      table.isa, threads, L, channels, t[0], t[1], t[1] / t[0], t[2], t[3], t[3] / t[2]);
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, int64_t otherwise) { return argc > i ? std::atoll(argv[i]) : otherwise; };
  const char* isa = std::getenv("COBRA_ISA");
  run(find_kernels(isa ? isa : ""), argument(1, 768), argument(2, 2048), static_cast<int>(argument(3, 1)));
}
