// What a Tokenizer holds; shared by encoding (tokenizer.cc) and decoding (decode.cc).
#pragma once

#include <utility>

#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary.h"

namespace cobra {

struct Tokenizer::Impl {
  explicit Impl(TokenizerData d) : data(std::move(d)), vocabulary(data) {}

  TokenizerData data;
  Vocabulary vocabulary;
};

}  // namespace cobra
