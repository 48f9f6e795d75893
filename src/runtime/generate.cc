#include "cobra/generate.h"

#include <algorithm>

#include "base/fail.h"
#include "base/stopwatch.h"
#include "model/model_parts.h"
#include "runtime/answer_scores.h"
#include "runtime/answer_stream.h"
#include "runtime/finite_logits.h"
#include "runtime/lookahead.h"
#include "runtime/sampler.h"
#include "tokenizer/tokenizer.h"

namespace cobra {
namespace {

void check_options(const GenerateOptions& options, const Model& model) {
  const int vocab_size = model.config().mamba.vocab_size;
  check(options.max_new_tokens >= -1, "max-tokens: expected -1 (up to max-length) or more, found {}",
        options.max_new_tokens);
  check(options.max_length >= 0, "max-length: expected 0 or more, found {}", options.max_length);
  check(options.eos_token_id >= -2 && options.eos_token_id < vocab_size,
        "eos-id: expected -2 (the model's), -1 (none) or a token id below {}, found {}", vocab_size,
        options.eos_token_id);
  check(options.vocab_limit >= 0 && options.vocab_limit <= vocab_size,
        "vocab-limit: expected 0 (all) to {}, found {}", vocab_size, options.vocab_limit);
  check(options.stop.empty() || model.tokenizer(),
        "{}: the model has no tokenizer, so it cannot look for stop texts", model.parts().file.path());
}

/// New tokens at most. As in the official loop, one token is made even when none is asked for.
int64_t token_budget(const GenerateOptions& options, int64_t prompt_tokens) {
  const int64_t wanted =
      options.max_new_tokens >= 0 ? options.max_new_tokens : options.max_length - prompt_tokens;
  return std::max<int64_t>(wanted, 1);
}

int64_t eos_of(const GenerateOptions& options, const ModelConfig& config) {
  return options.eos_token_id == -2 ? config.eos_token_id : options.eos_token_id;
}

void read_prompt(Session& session, const std::vector<int32_t>& ids, int64_t chunk) {
  check(!ids.empty() || session.position() > 0, "prompt: it is empty, and nothing was read before it");
  session.read_tokens(ids, chunk);
}

std::span<const float> limited(std::span<const float> logits, int64_t limit) {
  return limit > 0 ? logits.first(static_cast<size_t>(limit)) : logits;
}

}  // namespace

const char* name(StopReason reason) {
  switch (reason) {
    case StopReason::eos:
      return "eos";
    case StopReason::stop_text:
      return "stop_text";
    case StopReason::max_tokens:
      return "max_tokens";
    default:
      return "cancelled";
  }
}

GenerateResult generate(Session& session, const std::vector<int32_t>& prompt_ids,
                        const GenerateOptions& options, bool read_last) {
  const Model& model = session.model();
  const ModelConfig& config = model.config();
  check_options(options, model);
  Sampler sampler(options.sampling);
  AnswerStream stream(model.tokenizer(), options.stop, options.on_text);
  GenerateResult result;
  result.prompt_tokens = std::ssize(prompt_ids);

  const int64_t budget = token_budget(options, result.prompt_tokens), eos = eos_of(options, config);
  std::vector<int32_t> text_ids = prompt_ids;  // what the repetition penalty and drafts look at
  Lookahead reader(session, text_ids, options.speculate);

  const Stopwatch reading;
  read_prompt(session, prompt_ids, options.chunk);
  result.prefill_ms = reading.elapsed_ms();
  std::span<const float> logits = session.logits();
  const Stopwatch decoding;
  while (true) {
    finite_logits(model, logits);
    const int32_t id = sampler.sample(limited(logits, options.vocab_limit), text_ids);
    result.tokens.push_back(id);
    text_ids.push_back(id);
    const bool goes_on = stream.push(id);
    if (id == eos) {
      result.stop_reason = StopReason::eos;
    } else if (!goes_on) {
      result.stop_reason = stream.stopped() ? StopReason::stop_text : StopReason::cancelled;
    } else if (std::ssize(result.tokens) < budget) {
      logits = reader.step(budget - std::ssize(result.tokens) - 1);
      continue;
    }
    break;
  }
  if (read_last) reader.step(0);
  reader.finish();
  result.decode_ms = decoding.elapsed_ms();
  result.drafted = reader.drafted(), result.accepted = reader.accepted();
  stream.finish();
  if (stream.stopped() && result.stop_reason != StopReason::eos) result.stop_reason = StopReason::stop_text;
  if (const Tokenizer* tokenizer = model.tokenizer()) {
    result.text = stream.stopped() ? clean_answer(stream.text()) : tokenizer->decode_answer(result.tokens);
  }
  return result;
}

std::vector<double> score_answers(Session& session, const std::vector<int32_t>& prompt_ids,
                                  const std::vector<std::string>& answers, int64_t chunk) {
  const std::vector<int32_t> ids = answer_ids(session.model(), answers);
  read_prompt(session, prompt_ids, chunk);
  return answer_probabilities(finite_logits(session.model(), session.logits()), ids);
}

}  // namespace cobra
