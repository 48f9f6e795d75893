// The lines of text that pickle's protocol 0 writes for numbers and strings. `place` begins every Error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "formats/pickle.h"

namespace cobra::pickle {

/// "12", or "00" and "01" for False and True.
Value line_integer(std::string_view line, const std::string& place);
/// "12" or "12L"
int64_t line_long(std::string_view line, const std::string& place);
double line_float(std::string_view line, const std::string& place);
/// A string as Python 2's repr writes it, with its quotes.
std::string line_string(std::string_view line, const std::string& place);
/// Latin-1 with \uXXXX and \UXXXXXXXX, as UTF-8.
std::string line_unicode(std::string_view line, const std::string& place);

}  // namespace cobra::pickle
