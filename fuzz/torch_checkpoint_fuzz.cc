// Fuzz target of the torch checkpoint reader. Mutated archives mostly fail their structure checks, so an
// input that starts like a pickle (PROTO, 0x80) is also run as the bare pickle that an archive would hold.
#include "formats/pickle.h"
#include "formats/torch_checkpoint.h"
#include "formats/torch_tree.h"
#include "fuzz_file.h"

namespace {

void read_pickle(const uint8_t* data, size_t size) {
  try {
    cobra::list_tensors(cobra::pickle::run(std::as_bytes(std::span(data, size)), "fuzz"), "fuzz");
  } catch (const cobra::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0 && data[0] == 0x80) read_pickle(data, size);
  return cobra::fuzz::run(data, size, [](const std::string& path) {
    const cobra::TorchCheckpoint file(path);
    for (const cobra::TensorEntry& tensor : file.tensors()) cobra::fuzz::touch(tensor.bytes);
  });
}
