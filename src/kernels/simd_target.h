// How the SIMD files are built: Highway compiles each of them once per instruction set, and every pass gives
// one function `add_to(KernelTable&)`; `COBRA_DEFINE_ADD_KERNELS` picks the pass that belongs to a target.
// Targets kept: SSE4, AVX2 with FMA, AVX-512, AVX-512 with VNNI and friends, and NEON; src/CMakeLists.txt
// switches off the others. Highway's own scalar pass is left empty: a machine with none of these runs the
// reference. To be included by the simd_*.cc files after HWY_TARGET_INCLUDE is set and before
// foreach_target.h.
#pragma once

#include <hwy/base.h>
#include <hwy/detect_targets.h>

#include <cstdint>

#include "kernels/kernel_table.h"

namespace cobra {

/// Each fills its part of the table with the kernels of one Highway target.
void add_elementwise_kernels(int64_t target, KernelTable& table);
void add_mamba_kernels(int64_t target, KernelTable& table);
void add_mamba_backward_kernels(int64_t target, KernelTable& table);
void add_dot_kernels(int64_t target, KernelTable& table);
void add_dot_pairs_kernels(int64_t target, KernelTable& table);
/// AVX-VNNI's in place of AVX2's.
void add_dot_pairs_vnni_kernels(KernelTable& table);
/// For machines that multiply bytes, which a target alone does not say; nothing for targets where none do.
void add_dot_bytes_kernels(int64_t target, KernelTable& table);
void add_expand_kernels(int64_t target, KernelTable& table);
void add_gemm_kernels(int64_t target, KernelTable& table);

}  // namespace cobra

#if HWY_TARGETS & HWY_SSE4
#define COBRA_CASE_SSE4(t) \
  case HWY_SSE4:           \
    return N_SSE4::add_to(t);
#else
#define COBRA_CASE_SSE4(t)
#endif
#if HWY_TARGETS & HWY_AVX2
#define COBRA_CASE_AVX2(t) \
  case HWY_AVX2:           \
    return N_AVX2::add_to(t);
#else
#define COBRA_CASE_AVX2(t)
#endif
#if HWY_TARGETS & HWY_AVX3
#define COBRA_CASE_AVX3(t) \
  case HWY_AVX3:           \
    return N_AVX3::add_to(t);
#else
#define COBRA_CASE_AVX3(t)
#endif
#if HWY_TARGETS & HWY_AVX3_DL
#define COBRA_CASE_AVX3_DL(t) \
  case HWY_AVX3_DL:           \
    return N_AVX3_DL::add_to(t);
#else
#define COBRA_CASE_AVX3_DL(t)
#endif
#if HWY_TARGETS & HWY_NEON
#define COBRA_CASE_NEON(t) \
  case HWY_NEON:           \
    return N_NEON::add_to(t);
#else
#define COBRA_CASE_NEON(t)
#endif
/// Defines one of the functions declared above; to stand once, in the last pass: #if HWY_ONCE.
#define COBRA_DEFINE_ADD_KERNELS(function)                   \
  void cobra::function(int64_t target, KernelTable& table) { \
    switch (target) {                                        \
      COBRA_CASE_SSE4(table)                                 \
      COBRA_CASE_AVX2(table)                                 \
      COBRA_CASE_AVX3(table)                                 \
      COBRA_CASE_AVX3_DL(table)                              \
      COBRA_CASE_NEON(table)                                 \
      default:                                               \
        break;                                               \
    }                                                        \
  }
