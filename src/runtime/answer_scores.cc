#include "runtime/answer_scores.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"
#include "model/model_parts.h"
#include "tokenizer/tokenizer.h"

namespace cobra {

std::vector<int32_t> answer_ids(const Model& model, const std::vector<std::string>& answers) {
  const Tokenizer& tokenizer = model.parts().needed_tokenizer();
  check(!answers.empty(), "score: expected at least one answer");
  std::vector<int32_t> ids;
  for (const std::string& answer : answers) {
    ids.push_back(tokenizer.single_token(answer));
    check(ids.back() >= 0, "{}: answer '{}' is not a single token of the model's tokenizer",
          model.parts().file.path(), printable(answer));
  }
  return ids;
}

std::vector<double> answer_probabilities(std::span<const float> logits, std::span<const int32_t> ids) {
  // The softmax over the vocabulary cancels in the renormalisation; its maximum keeps the exponentials
  // finite.
  const auto logit = [&](int32_t id) { return logits[static_cast<size_t>(id)]; };
  float largest = logit(ids.front());
  for (const int32_t id : ids) largest = std::max(largest, logit(id));
  std::vector<double> probabilities;
  double sum = 0;
  for (const int32_t id : ids) sum += probabilities.emplace_back(std::exp(double{logit(id)} - largest));
  for (double& p : probabilities) p /= sum;
  return probabilities;
}

}  // namespace cobra
