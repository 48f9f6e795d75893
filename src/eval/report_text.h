// Text in reports. Answers, questions and names are hostile: nothing of them may become markup.
#pragma once

#include <string>
#include <string_view>

#include "formats/json.h"

namespace cobra::eval {

/// Text for HTML, inside elements and quoted attributes. Control characters and invalid UTF-8 become U+FFFD.
std::string escape_html(std::string_view text);
/// Text for one line of Markdown, also in a table's cell; line ends become spaces.
std::string escape_markdown(std::string_view text);

/// At most `max_bytes` bytes of UTF-8, with "…" where something was cut.
std::string shorten(std::string_view text, size_t max_bytes);
/// "77.80"; "–" for NaN.
std::string report_number(double value, int digits = 2);
/// A JSON value as people read it: a string as it is, null as "–".
std::string json_words(const Json& value);

}  // namespace cobra::eval
