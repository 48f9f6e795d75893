// torch's CPU generator and torch.randperm, so that orders are those of the official code.
// Source: PyTorch 1.13, at::CPUGeneratorImpl and randperm_cpu (the same in 2.x).
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace cobra::data {

/// What torch.Generator().manual_seed(seed) gives: mt19937, seeded with the low 32 bits.
class TorchGenerator {
 public:
  explicit TorchGenerator(uint64_t seed) : engine_(static_cast<uint32_t>(seed)) {}
  uint32_t random() { return static_cast<uint32_t>(engine_()); }
  /// Two draws, the first on top.
  uint64_t random64() {
    const uint64_t high = random();
    return high << 32 | random();
  }

 private:
  std::mt19937 engine_;
};

/// torch.randperm(n, generator=generator).
std::vector<int64_t> randperm(TorchGenerator& generator, int64_t n);

/// The two algorithms behind it: below 2^32 / 20 elements, and from there on.
std::vector<int64_t> randperm_small(TorchGenerator& generator, int64_t n);
std::vector<int64_t> randperm_large(TorchGenerator& generator, int64_t n);

}  // namespace cobra::data
