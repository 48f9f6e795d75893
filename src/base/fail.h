// Throwing and checking with formatted, one-line messages.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "cobra/error.h"

namespace cobra {

/// Throws Error with the message as one line: control bytes, of a path say, are escaped.
[[noreturn]] void throw_error(std::string_view message);

/// Throws Error with the formatted text. Untrusted text goes through `printable` first, which also cuts it.
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw_error(fmt::format(format, std::forward<Args>(args)...));
}

/// Throws Error with the formatted text unless `ok`.
template <typename... Args>
void check(bool ok, fmt::format_string<Args...> format, Args&&... args) {
  if (!ok) throw_error(fmt::format(format, std::forward<Args>(args)...));
}

/// `text` fit for one line of a message: control bytes and invalid UTF-8 escaped as \xNN, cut to `max_bytes`
/// with "...".
std::string printable(std::string_view text, size_t max_bytes = 80);

/// The same of a text of several lines, whole.
std::string printable_lines(std::string_view text);

/// a * b and a + b of sizes that come from files: throws Error naming `what` when the result exceeds int64_t
/// or an operand is negative.
int64_t checked_mul(int64_t a, int64_t b, std::string_view what);
int64_t checked_add(int64_t a, int64_t b, std::string_view what);

}  // namespace cobra
