// Fuzz target of the safetensors reader, and with it of the JSON parser.
#include "formats/safetensors.h"
#include "fuzz_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return cobra::fuzz::run(data, size, [](const std::string& path) {
    const cobra::SafetensorsFile file(path);
    for (const cobra::TensorEntry& tensor : file.tensors()) cobra::to_float32(tensor, path);
  });
}
