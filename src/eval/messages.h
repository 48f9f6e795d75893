// The pinned prompts of the benchmarks, before the chat template, as Cobra's harness has them
// (vlm_eval/models/cobra.py).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cobra::eval {

/// What begins the OCR tokens in a TextVQA question; the prompt moves that line to the front.
constexpr std::string_view kOcrMark = "\nReference OCR token: ";

/// Open questions; `may_be_unanswerable` (VizWiz) offers a way out.
std::string short_answer_message(std::string_view question, bool may_be_unanswerable = false);
/// VSR.
std::string true_false_message(std::string_view statement);
/// TallyQA: choices A, B, ... (at most 26).
std::string multiple_choice_message(std::string_view question, const std::vector<std::string>& choices);
/// RefCOCO.
std::string bounding_box_message(std::string_view expression);

}  // namespace cobra::eval
