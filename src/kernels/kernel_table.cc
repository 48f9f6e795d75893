#include "kernels/kernel_table.h"

#include <hwy/targets.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

#include "base/fail.h"
#include "kernels/simd_target.h"

namespace cobra {
namespace {

struct Target {
  int64_t bit;
  std::string_view name;
  bool multiplies_bytes = false;
};

/// Best first.
constexpr Target kTargets[] = {{HWY_AVX3_DL, "avx512-vnni", true},
                               {HWY_AVX3, "avx512"},
                               {HWY_AVX2, "avx2-vnni", true},
                               {HWY_AVX2, "avx2"},
                               {HWY_SSE4, "sse4"},
                               {HWY_NEON, "neon-dot", true},
                               {HWY_NEON, "neon"}};

/// Whether the machine can run what add_dot_bytes_kernels has for a target that it supports.
bool machine_multiplies_bytes([[maybe_unused]] int64_t target) {
#if defined(__x86_64__)
  if (target == HWY_AVX3_DL) return true;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 4 & 1) != 0;  // AVX-VNNI
#elif defined(__aarch64__) && defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#elif defined(__aarch64__) && defined(__APPLE__)
  return true;
#else
  return false;
#endif
}

bool available(const Target& target) {
  if ((hwy::SupportedTargets() & HWY_TARGETS & target.bit) == 0) return false;
  return !target.multiplies_bytes || machine_multiplies_bytes(target.bit);
}

KernelTable make_table(const Target& target) {
  KernelTable table = reference_kernels();
  table.isa = target.name;
  add_elementwise_kernels(target.bit, table);
  add_mamba_kernels(target.bit, table);
  add_mamba_backward_kernels(target.bit, table);
  add_dot_kernels(target.bit, table);
  add_dot_pairs_kernels(target.bit, table);
  if (target.multiplies_bytes) {  // after those that it replaces
    add_dot_bytes_kernels(target.bit, table);
    if (target.bit == HWY_AVX2) add_dot_pairs_vnni_kernels(table);
  }
  add_expand_kernels(target.bit, table);
  add_gemm_kernels(target.bit, table);
  return table;
}

}  // namespace

const std::vector<KernelTable>& available_kernels() {
  static const std::vector<KernelTable> tables = [] {
    std::vector<KernelTable> made;
    for (const Target& target : kTargets) {
      if (available(target)) made.push_back(make_table(target));
    }
    made.push_back(reference_kernels());
    return made;
  }();
  return tables;
}

const KernelTable& find_kernels(std::string_view isa) {
  if (isa.empty()) return available_kernels().front();
  std::string names;
  for (const KernelTable& table : available_kernels()) {
    if (table.isa == isa) return table;
    names += fmt::format(" {}", table.isa);
  }
  fail("instruction set '{}' is not available on this machine: expected one of{}", printable(isa), names);
}

}  // namespace cobra
