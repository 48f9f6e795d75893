// Closed sets: the probabilities of one-token answers at the first step.
// Source: the official `return_string_probabilities` (cobra/models/vlms/cobra.py).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cobra/model.h"

namespace cobra {

/// The token of each answer. Throws Error for a model without a tokenizer, no answers, or an answer that is
/// not one token.
std::vector<int32_t> answer_ids(const Model& model, const std::vector<std::string>& answers);

/// Softmax of the logits, renormalised over `ids` (at least one, all in range).
std::vector<double> answer_probabilities(std::span<const float> logits, std::span<const int32_t> ids);

}  // namespace cobra
