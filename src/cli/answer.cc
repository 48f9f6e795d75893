#include "cli/answer.h"

#include <fstream>

#include "base/fail.h"

namespace cobra {
namespace {

double per_second(int64_t count, double ms) {
  return ms > 0 ? static_cast<double>(count) * 1000.0 / ms : 0.0;
}

double prefill_ms(const Answer& answer) { return answer.picture.prefill_ms + answer.result.prefill_ms; }

Json timings(const Answer& answer) {
  return {{"load", answer.load_ms},
          {"image", answer.picture.image_ms},
          {"vision", answer.picture.vision_ms},
          {"prefill", prefill_ms(answer)},
          {"decode", answer.result.decode_ms},
          {"per_token", per_token_ms(answer.result)}};
}

}  // namespace

Json to_json(const Answer& answer) {
  Json object;
  object["image"] = answer.image ? Json(picture_name(*answer.image)) : Json();
  object["prompt"] = answer.prompt;
  object["text"] = answer.result.text;
  object["tokens"] = answer.result.tokens;
  if (!answer.probabilities.empty()) {
    Json& probabilities = object["probabilities"] = Json::object();
    for (const auto& [text, probability] : answer.probabilities) probabilities[text] = probability;
  }
  if (answer.result.drafted > 0) {
    object["drafted_tokens"] = answer.result.drafted;
    object["accepted_tokens"] = answer.result.accepted;
  }
  object["stop_reason"] = name(answer.result.stop_reason);
  object["prompt_tokens"] = answer.result.prompt_tokens;
  object["image_tokens"] = answer.picture.tokens;
  object["image_cached"] = answer.picture.cached;
  object["timings_ms"] = timings(answer);
  object["peak_rss_bytes"] = peak_rss_bytes();
  return object;
}

std::string statistics_line(const Answer& answer, int64_t decode_bytes) {
  const GenerateResult& result = answer.result;
  const bool paid_for_picture = answer.picture.prefill_ms > 0 && !answer.picture.cached;
  const double reading_ms = paid_for_picture ? prefill_ms(answer) : result.prefill_ms;
  const int64_t read = result.prompt_tokens + (paid_for_picture ? answer.picture.tokens : 0);
  std::string line = fmt::format("{} tokens read at {:.1f} tokens/s", read, per_second(read, reading_ms));
  if (paid_for_picture) line += fmt::format(", vision {:.0f} ms", answer.picture.vision_ms);
  if (answer.picture.cached && answer.picture.prefill_ms > 0)
    line += fmt::format(", picture found in {:.0f} ms", answer.picture.prefill_ms);
  line += fmt::format("; {} generated", result.tokens.size());
  if (const double step_ms = per_token_ms(result); step_ms > 0) {
    line += fmt::format(" at {:.1f} tokens/s", 1000.0 / step_ms);
    // A guess that is right saves a read of the weights.
    if (result.drafted == 0)
      line += fmt::format(", {:.1f} GB/s of weights", per_second(decode_bytes, step_ms) * 1e-9);
  }
  if (result.drafted > 0) line += fmt::format(", {} of {} guesses right", result.accepted, result.drafted);
  return line + fmt::format("; memory {:.2f} GB\n", static_cast<double>(peak_rss_bytes()) * 1e-9);
}

double per_token_ms(const GenerateResult& result) {
  return result.tokens.size() > 1 ? result.decode_ms / static_cast<double>(result.tokens.size() - 1) : 0.0;
}

// Not getrusage: its ru_maxrss outlives exec, so a small program started by a large one would report the
// large one's.
int64_t peak_rss_bytes() {
  std::ifstream status("/proc/self/status");
  std::string field;
  while (status >> field) {
    if (field == "VmHWM:") {
      int64_t kilobytes = 0;
      status >> kilobytes;
      return kilobytes * 1024;
    }
    std::getline(status, field);
  }
  return 0;
}

}  // namespace cobra
