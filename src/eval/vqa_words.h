// The word lists of the VQA scorers.
#pragma once

#include <string_view>

namespace cobra::eval {

/// How contractions are spelled out: VizWiz's table has backticks for apostrophes in most entries.
enum class Contractions { vqa, vizwiz };

/// What the scorers make of one lower-case word: "" for an article, "0" to "10" for a number word, a
/// contraction with its apostrophe ("dont" -> "don't"), else the word itself.
std::string_view standard_word(std::string_view word, Contractions contractions);

}  // namespace cobra::eval
