// Fuzz target of the GGUF reader.
#include "formats/gguf.h"
#include "fuzz_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return cobra::fuzz::run(data, size, [](const std::string& path) {
    const cobra::GgufFile file(path);
    for (const cobra::TensorEntry& tensor : file.tensors()) cobra::fuzz::touch(tensor.bytes);
  });
}
