#include "eval/benchmarks/closed_set.h"

#include "eval/fields.h"

namespace cobra::eval {

std::vector<double> probabilities(const Json& result, const BenchmarkInfo& info, const std::string& place) {
  return numbers_field(result, info.answers_field, info.answers.size(), place);
}

std::vector<Json> wrong_probabilities(size_t answers, size_t right) {
  Json values = Json::array();
  for (size_t i = 0; i < answers; ++i) {
    values.push_back(i == right ? 0.0 : 1.0 / static_cast<double>(answers - 1));
  }
  return {values};
}

}  // namespace cobra::eval
