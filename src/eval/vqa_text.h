// Normal forms of answers, as the official scorers of VQA-v2, VizWiz, TextVQA and GQA compare them, quirks
// included. Texts are valid UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace cobra::eval {

/// VQA-v2: an answer of the model. Ground truth has its punctuation processed only.
std::string vqa_answer(std::string_view text);
std::string vqa_ground_truth(std::string_view text);

/// VizWiz: an answer of the model; ground truth is taken as it is.
std::string vizwiz_answer(std::string_view text);

/// TextVQA: answers of the model and ground truth alike.
std::string text_vqa_answer(std::string_view text);

/// GQA: an answer of the model; ground truth is taken as it is.
std::string gqa_answer(std::string_view text);

}  // namespace cobra::eval
