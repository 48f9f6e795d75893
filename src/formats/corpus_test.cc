// Replays the fuzzers' seeds and past failures (fuzz/corpus) through the readers: Error or success, nothing
// else.
#include <map>

#include "formats/gguf.h"
#include "formats/pickle.h"
#include "formats/safetensors.h"
#include "formats/test_files.h"
#include "formats/torch_checkpoint.h"
#include "formats/torch_tree.h"

namespace cobra {
namespace {

/// Calls `load` on each file of a corpus; returns each file's Error text, "" for those that load.
template <typename Load>
std::map<std::string, std::string> replay(const std::string& corpus, Load load) {
  std::map<std::string, std::string> errors;
  const std::filesystem::path folder = std::filesystem::path(COBRA_SOURCE_DIR) / "fuzz/corpus" / corpus;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    errors[file.path().filename()] = testing::error_of([&] { load(file.path()); });
  }
  return errors;
}

TEST(Corpus, Gguf) {
  auto errors = replay("gguf", [](const std::string& path) { GgufFile{path}; });
  EXPECT_EQ(errors.at("every_value"), "");
  EXPECT_EQ(errors.at("arrays"), "");
  EXPECT_EQ(errors.at("tensors"), "");
  EXPECT_NE(errors.at("huge_array"), "");
}

TEST(Corpus, Safetensors) {
  auto errors = replay("safetensors", [](const std::string& path) { SafetensorsFile{path}; });
  EXPECT_EQ(errors.at("every_type"), "");
  EXPECT_EQ(errors.at("two_tensors"), "");
  EXPECT_NE(errors.at("hole"), "");
}

TEST(Corpus, TorchCheckpoint) {
  auto errors = replay("torch_checkpoint", [](const std::string& path) { TorchCheckpoint(path).tensors(); });
  for (const char* valid : {"dict", "nested", "parameter", "types", "deflated", "zip64_local"}) {
    EXPECT_EQ(errors.at(valid), "");
  }
  EXPECT_NE(errors.at("os_system"), "");
}

TEST(Corpus, Pickles) {
  auto errors = replay("torch_checkpoint", [](const std::string& path) {
    const std::string bytes = testing::file_bytes(path);
    list_tensors(pickle::run(testing::as_bytes(bytes), "p"), "p");
  });
  for (const char* valid : {"pickle_dict", "pickle_nested", "pickle_parameter", "pickle_protocol4"}) {
    EXPECT_EQ(errors.at(valid), "");
  }
  EXPECT_NE(errors.at("pickle_sharing_bomb"), "");
}

}  // namespace
}  // namespace cobra
