// Fixtures that several tests of this folder share.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "formats/json.h"
#include "reference.h"
#include "test_support.h"
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

}  // namespace cobra::testing
