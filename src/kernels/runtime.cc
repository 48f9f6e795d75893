#include "cobra/runtime.h"

#include <omp.h>

#include <cstdlib>

#include "base/fail.h"
#include "kernels/kernel_table.h"

namespace cobra {
namespace {

constexpr int kMaxThreads = 1024;

std::string wanted_isa(const RuntimeOptions& options) {
  const char* environment = std::getenv("COBRA_ISA");
  return options.isa.empty() && environment ? environment : options.isa;
}

}  // namespace

Runtime::Runtime(const RuntimeOptions& options)
    : threads_(options.threads == 0 ? omp_get_num_procs() : options.threads),
      numerics_(options.numerics),
      kernels_(&find_kernels(wanted_isa(options))) {
  check(threads_ >= 1 && threads_ <= kMaxThreads, "threads: expected 0 (automatic) to {}, found {}",
        kMaxThreads, threads_);
}

std::string Runtime::isa() const { return std::string(kernels_->isa); }

bool Runtime::bf16_products() const { return kernels_->block_unit != nullptr; }

std::vector<std::string> Runtime::available_isas() {
  std::vector<std::string> names;
  for (const KernelTable& table : available_kernels()) names.emplace_back(table.isa);
  return names;
}

}  // namespace cobra
