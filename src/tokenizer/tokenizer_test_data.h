// What several tests of this folder share: fixtures, a temporary folder, and errors as text.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "cobra/error.h"
#include "formats/json.h"
#include "reference.h"
#include "tokenizer/tokenizer.h"

namespace cobra::testing {

inline std::string tokenizer_fixture(const std::string& name) {
  return std::string(COBRA_SOURCE_DIR "/tests/data/tokenizer/") + name;
}

/// A BPE of 400 tokens, of GPT-NeoX's shape.
inline const Tokenizer& tiny_tokenizer() {
  static const Tokenizer tokenizer(TokenizerData::from_json(tokenizer_fixture("tiny.json")));
  return tokenizer;
}

/// GPT-NeoX's tokenizer, or nullptr where its file is absent.
inline const Tokenizer* neox() {
  static const std::string path = neox_tokenizer();
  if (path.empty()) return nullptr;
  static const Tokenizer tokenizer(TokenizerData::from_json(path));
  return &tokenizer;
}

#define COBRA_SKIP_WITHOUT_NEOX() \
  if (!cobra::testing::neox())    \
  GTEST_SKIP() << "GPT-NeoX's tokenizer.json is absent (COBRA_TOKENIZER names it)"

/// The message of the Error that `action` throws; "" when it throws none.
template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

/// An empty folder that goes away with the object.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "cobra_tokenizer_XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name), std::ios::binary) << text;
    return file(name);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace cobra::testing
