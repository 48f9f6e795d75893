// One answer of `cobra run` and how it is shown: a JSON object, or text and a line of statistics.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/picture.h"
#include "cobra/generate.h"
#include "formats/json.h"

namespace cobra {

struct Answer {
  std::optional<std::string> image;  // as given; none: text only
  std::string prompt;
  PictureCost picture;  // the times are 0 when an earlier question had paid for the picture
  GenerateResult result;
  std::vector<std::pair<std::string, double>> probabilities;  // of --score, in its order
  double load_ms = 0;
};

/// The object that `--json` prints (docs and tests name its fields).
Json to_json(const Answer& answer);

/// "47 tokens read at 812 tokens/s; 24 generated at 7.1 tokens/s, 20.3 GB/s of weights; ..." with a line
/// end.
std::string statistics_line(const Answer& answer, int64_t decode_bytes);

/// Time of one generated token in ms; 0 when only one was made (the prompt's step gives it).
double per_token_ms(const GenerateResult& result);

/// Most memory this process has held so far (VmHWM), or 0 where the system does not tell.
int64_t peak_rss_bytes();

}  // namespace cobra
