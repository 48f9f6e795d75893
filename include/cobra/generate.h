// From a prompt in a session to an answer.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cobra/session.h"

namespace cobra {

/// How tokens are chosen. The default is greedy, the official behaviour. Asking for any of temperature,
/// top_k, top_p or min_p means sampling (`is_greedy`). The official order: keep top_k, divide by temperature,
/// then drop the least likely tokens whose cumulative probability is at most 1 - top_p. Unlike the official
/// code, min_p also works with top_k, and temperature alone samples over the whole vocabulary instead of
/// staying greedy with top_k 1.
struct SamplingOptions {
  double temperature = 0.0;  // 0: not asked for (1 when sampling)
  int top_k = 0;             // 0: no limit; 1 is greedy
  double top_p = 0.0;        // 0: no limit
  double min_p = 0.0;        // 0: no limit; relative to the most likely token
  double repetition_penalty =
      1.0;  // over the prompt's text ids and what was generated: x / r if x > 0, else x * r
  uint64_t seed = 0;

  bool is_greedy() const {
    return top_k == 1 || (temperature <= 0 && top_k <= 0 && top_p <= 0 && min_p <= 0);
  }
};

enum class StopReason { eos, stop_text, max_tokens, cancelled };
const char* name(StopReason reason);

struct GenerateOptions {
  /// New tokens at most; at least one is always made, as in the official code. -1: until prompt + new tokens
  /// reach max_length.
  int64_t max_new_tokens = -1;
  int64_t max_length = 2000;  // of text prompt + new tokens; used when max_new_tokens is -1
  int64_t eos_token_id = -2;  // -2: the model's; -1: none
  int64_t vocab_limit = 0;    // only ids below it can be generated; 0: all rows of the (padded) vocabulary
  std::vector<std::string> stop = {};  // the answer ends before the first of these texts; needs a tokenizer
  SamplingOptions sampling = {};
  int64_t chunk = 0;  // prompt tokens per prefill step; 0: 1024
  /// Tokens that are guessed at most (0 to 15) from what was said before and read together with the one at
  /// hand. The answer is the same; it comes faster where it repeats itself or the prompt. Costs a state for
  /// each token.
  int64_t speculate = 0;
  /// Called after every token with the text that has become certain: never half a character, never part of a
  /// stop text, often nothing; and once more at the end if there is text left. Return false to stop. The
  /// session must not be used in it: it has not read the token at hand yet, nor, with `speculate`, some
  /// before. If it throws, `generate` does, and the session has read the prompt and some of the answer.
  std::function<bool(std::string_view piece)> on_text = {};
};

struct GenerateResult {
  std::vector<int32_t> tokens;  // generated ids, EOS included when it was generated
  std::string
      text;  // the official decoding (special tokens skipped, clean-up, stripped); empty without a tokenizer
  StopReason stop_reason = StopReason::max_tokens;
  int64_t prompt_tokens = 0;
  int64_t drafted = 0, accepted = 0;  // tokens that were guessed, and those of them that came
  double prefill_ms = 0;
  double decode_ms = 0;  // from the first choice of a token to the last, `on_text` among it
};

/// Reads `prompt_ids` into the session and generates. The session then has read the prompt and every
/// generated token but the last one, unless `read_last` asks for it (a chat goes on from there, by
/// Model::encode_next_question). Throws Error for an empty prompt in an empty session, an id out of range,
/// options out of range (naming them as the command line does: max-tokens is max_new_tokens), or logits that
/// are not finite (the model's weights are damaged).
GenerateResult generate(Session& session, const std::vector<int32_t>& prompt_ids,
                        const GenerateOptions& options = {}, bool read_last = false);

/// Probabilities of answers at the first step, as the official `return_string_probabilities`: softmax over
/// the whole padded vocabulary at the single-token ids of `answers`, renormalised. Reads the prompt into the
/// session. Throws Error for a model without a tokenizer, no answers, an answer that is not one token, an
/// empty prompt in an empty session, or logits that are not finite.
std::vector<double> score_answers(Session& session, const std::vector<int32_t>& prompt_ids,
                                  const std::vector<std::string>& answers, int64_t chunk = 0);

}  // namespace cobra
