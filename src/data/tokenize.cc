// Source: FinetuneDataset.__getitem__ and AlignDataset.__getitem__ of
// cobra/preprocessing/datasets/datasets.py.
#include "data/tokenize.h"

#include <algorithm>

#include "base/fail.h"
#include "tokenizer/unicode_text.h"

namespace cobra::data {
namespace {

void append_turn(Tokenized& out, const std::vector<int32_t>& ids, bool is_target) {
  out.input_ids.insert(out.input_ids.end(), ids.begin(), ids.end());
  if (is_target) {
    out.labels.insert(out.labels.end(), ids.begin(), ids.end());
  } else {
    out.labels.insert(out.labels.end(), ids.size(), kIgnoredLabel);
  }
}

void append_conversation(Tokenized& out, const Example& example, const Tokenizer& tokenizer,
                         PromptTemplate form) {
  PromptBuilder prompt(form);
  for (const Turn& turn : example.turns) {
    const std::string text = turn.is_human ? prompt.add_user(turn.text) : prompt.add_answer(turn.text);
    append_turn(out, tokenizer.encode(text), !turn.is_human);
  }
}

void append_caption(Tokenized& out, const Example& example, const Tokenizer& tokenizer) {
  append_turn(out, tokenizer.encode(python_strip(example.turns.back().text)), true);
  append_turn(out, {tokenizer.eos_id()}, true);
}

}  // namespace

int64_t Tokenized::valid_labels() const {
  return static_cast<int64_t>(labels.size()) - std::count(labels.begin(), labels.end(), kIgnoredLabel);
}

Tokenized tokenize(const Example& example, const Tokenizer& tokenizer, const TokenizeOptions& options) {
  check(options.max_length > 0, "tokenize: max_length must be positive, found {}", options.max_length);
  check(!example.turns.empty(), "tokenize: the conversation is empty");
  Tokenized out;
  out.has_picture = example.has_picture();
  if (options.stage == Stage::align) {
    append_caption(out, example, tokenizer);
  } else {
    append_conversation(out, example, tokenizer, options.prompt_template);
  }
  const size_t length = std::min(out.input_ids.size(), static_cast<size_t>(options.max_length));
  out.input_ids.resize(length);
  out.labels.resize(length);
  return out;
}

}  // namespace cobra::data
