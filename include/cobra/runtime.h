// How a machine is used: threads and instruction set.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace cobra {

/// What the scan's recurrent state is kept in between two tokens (the convolution's is float32 always). bf16
/// is for experiments: rounded after every token, it shows what a state of half the size would cost in
/// accuracy. It is stored as float32 all the same.
enum class StateType { f32, bf16 };

/// Ways of computing that cost accuracy, off unless asked for.
struct Numerics {
  StateType state = StateType::f32;
  /// Pictures and prompts are read as answers are written: products with quantised weights have activations
  /// in 8 bits too, in blocks of 32 values. Faster where there are int8 dot products but no matrix unit.
  bool w8a8 = false;
};

struct RuntimeOptions {
  int threads = 0;  // 0: one for each core this process may use
  std::string isa =
      {};  // "" picks the best; "avx2", "reference", ...; the environment's COBRA_ISA where this is empty
  Numerics numerics = {};
};

/// Immutable; passed to what computes, never global; safe to share between threads. Cheap to copy.
class Runtime {
 public:
  /// Throws Error for an unknown or unavailable instruction set and for a thread count below 0 or above 1024.
  explicit Runtime(const RuntimeOptions& options = {});

  int threads() const { return threads_; }
  const Numerics& numerics() const { return numerics_; }
  /// Name of the instruction set in use. Only avx512-vnni may make prompts in bfloat16 (bf16_products).
  std::string isa() const;
  /// Whether prefill uses bfloat16 matrix products.
  bool bf16_products() const;
  /// Names of the instruction sets this machine can run, best first.
  static std::vector<std::string> available_isas();

  /// For cobra's own sources: the kernel table.
  const struct KernelTable& kernels() const { return *kernels_; }

 private:
  int threads_;
  Numerics numerics_;
  const KernelTable* kernels_;
};

}  // namespace cobra
