#include "base/pages.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace cobra {

std::span<std::byte> whole_pages(std::span<std::byte> memory) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(memory.data()), end = begin + memory.size();
  const uintptr_t first = (begin + page - 1) / page * page, last = end / page * page;
  return last > first ? memory.subspan(first - begin, last - first) : std::span<std::byte>();
}

void prefer_huge_pages([[maybe_unused]] std::span<std::byte> memory) {
#ifdef MADV_HUGEPAGE
  const std::span<std::byte> whole = whole_pages(memory);
  if (!whole.empty()) ::madvise(whole.data(), whole.size(), MADV_HUGEPAGE);
#endif
}

}  // namespace cobra
