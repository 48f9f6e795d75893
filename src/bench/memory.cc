#include "bench/memory.h"

#include <fstream>
#include <string>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace cobra::bench {
namespace {

double status_gb(const std::string& wanted) {
  std::ifstream status("/proc/self/status");
  for (std::string field; status >> field;) {
    double kilobytes = 0;
    if (field == wanted && status >> kilobytes) return kilobytes * 1024 / 1e9;
  }
  return 0;
}

}  // namespace

double resident_gb() { return status_gb("VmRSS:"); }
double peak_resident_gb() { return status_gb("VmHWM:"); }

void forget_peak() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
  std::ofstream("/proc/self/clear_refs") << "5";
}

}  // namespace cobra::bench
