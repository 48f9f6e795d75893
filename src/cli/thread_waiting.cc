#include "cli/thread_waiting.h"

#include <sys/auxv.h>
#include <unistd.h>

#include <cstdlib>

namespace cobra {

void bound_thread_waiting(char** argv) {
  constexpr const char *kSpins = "GOMP_SPINCOUNT", *kCount = "3000";
  if (std::getenv(kSpins) || std::getenv("OMP_WAIT_POLICY")) return;
  if (::getauxval(AT_BASE) == 0) return;  // started by the dynamic loader, which /proc/self/exe then is
  if (::setenv(kSpins, kCount, /*overwrite=*/0) != 0) return;
  ::execv("/proc/self/exe", argv);  // returns where that cannot be done: threads then wait as they would
}

}  // namespace cobra
