// What the language model learns from an example: token ids, and labels that say which of them count.
#pragma once

#include <cstdint>
#include <vector>

#include "data/dataset.h"
#include "tokenizer/prompt.h"
#include "tokenizer/tokenizer.h"

namespace cobra::data {

/// A label that takes no part in the loss.
constexpr int32_t kIgnoredLabel = -100;

struct TokenizeOptions {
  Stage stage = Stage::finetune;
  PromptTemplate prompt_template = PromptTemplate::zephyr;  // finetune only: a caption has no prompt
  int64_t max_length = 2048;                                // of text; patches are not counted
};

/// Both have the same length, at most max_length.
struct Tokenized {
  std::vector<int32_t> input_ids;
  std::vector<int32_t> labels;
  bool has_picture = false;

  /// Labels that count. It can be 0: truncation may leave only a question.
  int64_t valid_labels() const;
};

/// finetune: each turn of the prompt template tokenised by itself; questions have kIgnoredLabel, answers with
/// their end-of-text their own ids. align: the stripped caption and end-of-text, all of it a target. What is
/// longer than max_length is cut off on the right. Any thread. Throws Error for a turn above 16 MiB.
Tokenized tokenize(const Example& example, const Tokenizer& tokenizer, const TokenizeOptions& options = {});

}  // namespace cobra::data
