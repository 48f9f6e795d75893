// Fuzz target of the evaluation's readers: index files, results, annotations with all that scorers read of
// them, logs of runs and boxes (tests/eval_case.h says how one input holds several files).
#include <deque>

#include "eval_case.h"
#include "fuzz_file.h"

namespace {

struct MemoryFiles {
  std::deque<cobra::fuzz::MemoryFile> files;

  std::string write(const char*, std::string_view bytes) {
    return files.emplace_back(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()).path();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  MemoryFiles files;
  try {
    cobra::testing::use_eval_case({reinterpret_cast<const char*>(data), size}, files);
  } catch (const cobra::Error&) {
  }
  return 0;
}
