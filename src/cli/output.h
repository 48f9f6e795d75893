// Results on stdout, talk on stderr.
#pragma once

#include <string_view>

#include "formats/json.h"

namespace cobra {

/// Writes results to stdout and flushes, so that a reader sees text as it is generated. Throws Error when
/// that fails (a full disk behind a redirection).
void print(std::string_view text);
/// Throws Error when something written to stdout did not arrive.
void flush_output();
/// Writes talk to stderr: warnings, statistics, prompts. Never fails.
void say(std::string_view text);
/// "cobra: message" on stderr: one line of valid UTF-8 whatever the message quotes.
void say_error(std::string_view message);

/// JSON on one line, in ASCII, because some readers take U+0085 or U+2028 for a line end. Bytes that are not
/// UTF-8 (a prompt may hold any) become U+FFFD.
std::string json_line(const Json& value);

}  // namespace cobra
