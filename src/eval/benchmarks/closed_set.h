// What VSR, POPE and TallyQA share: answers are the probabilities of a few strings as the first token.
#pragma once

#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace cobra::eval {

/// The probabilities of a result, one for each of the benchmark's answers.
std::vector<double> probabilities(const Json& result, const BenchmarkInfo& info, const std::string& place);

/// Probabilities that are wrong however they are scored: 0 for the answer `right`, equal for the others.
std::vector<Json> wrong_probabilities(size_t answers, size_t right);

}  // namespace cobra::eval
