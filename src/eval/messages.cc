#include "eval/messages.h"

#include "base/fail.h"

namespace cobra::eval {
namespace {

std::string ocr_first(std::string_view question) {
  const size_t mark = question.find(kOcrMark);
  if (mark == std::string_view::npos) return std::string(question);
  return fmt::format("{}\n{}", question.substr(mark + 1), question.substr(0, mark));
}

}  // namespace

std::string short_answer_message(std::string_view question, bool may_be_unanswerable) {
  std::string message = ocr_first(question);
  if (may_be_unanswerable) {
    message += "\nWhen the provided information is insufficient, respond with 'Unanswerable'.";
  }
  return message + "\nAnswer the question using a single word or phrase.";
}

std::string true_false_message(std::string_view statement) {
  return fmt::format(
      "Based on the image, is this statement \"True\" or \"False\"? {}\nRespond with \"True\" or \"False\" "
      "directly.",
      statement);
}

std::string multiple_choice_message(std::string_view question, const std::vector<std::string>& choices) {
  check(choices.size() <= 26, "{} choices, but the alphabet has 26 letters", choices.size());
  std::string message(question);
  for (size_t i = 0; i < choices.size(); ++i) {
    message += fmt::format("\n{}. {}", static_cast<char>('A' + i), choices[i]);
  }
  return message + "\nAnswer with the option's letter from the given choices directly.";
}

std::string bounding_box_message(std::string_view expression) {
  return fmt::format(
      "Please provide the bounding box coordinate of the region this sentence describes: \"{}\"", expression);
}

}  // namespace cobra::eval
