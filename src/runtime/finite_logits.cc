#include "runtime/finite_logits.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"
#include "model/model_parts.h"

namespace cobra {

std::span<const float> finite_logits(const Model& model, std::span<const float> logits) {
  const auto wrong = std::ranges::find_if(logits, [](float logit) { return !std::isfinite(logit); });
  if (wrong == logits.end()) return logits;
  fail("{}: the logit of token {} is {}: the model's weights are damaged", model.parts().file.path(),
       wrong - logits.begin(), *wrong);
}

}  // namespace cobra
