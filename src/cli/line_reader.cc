#include "cli/line_reader.h"

#include <editline/readline.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <memory>

namespace cobra {
namespace {

constexpr size_t kMaxLineBytes = size_t{16} << 20;  // the tokenizer's limit

struct FreeDeleter {
  void operator()(char* text) const { std::free(text); }
};

}  // namespace

LineReader::LineReader()
    : interactive_(::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0),
      lines_(stdin, kMaxLineBytes) {
  if (!interactive_) return;
  std::setlocale(LC_CTYPE, "");  // libedit needs it to edit characters instead of bytes
  rl_outstream = stderr;         // stdout is for answers only
  rl_initialize();
}

std::optional<std::string> LineReader::next(const char* prompt) {
  std::string line;
  if (interactive_) {
    const std::unique_ptr<char, FreeDeleter> typed(readline(prompt));
    if (!typed) return std::nullopt;
    line = typed.get();
    if (!line.empty()) add_history(line.c_str());
    return line;
  }
  if (!lines_.next(line)) return std::nullopt;
  return line;
}

}  // namespace cobra
