#include "cli/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/fail.h"
#include "tokenizer/unicode_text.h"

namespace cobra {

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
    fail("standard output: cannot write: {}", std::strerror(errno));
  }
  flush_output();
}

void flush_output() {
  const bool flushed = std::fflush(stdout) == 0;
  check(flushed && std::ferror(stdout) == 0, "standard output: cannot write: {}", std::strerror(errno));
}

void say(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

void say_error(std::string_view message) {
  constexpr size_t kMaxBytes = 2000;
  say(fmt::format("cobra: {}\n", replace_invalid_utf8(printable(message, kMaxBytes))));
}

std::string json_line(const Json& value) {
  constexpr bool kAscii = true;
  return value.dump(-1, ' ', kAscii, Json::error_handler_t::replace) + "\n";
}

}  // namespace cobra
