// What the user of `cobra chat` types: edited lines on a terminal, plain lines from a pipe.
#pragma once

#include <optional>
#include <string>

#include "cli/lines.h"

namespace cobra {

class LineReader {
 public:
  LineReader();

  /// True when a person types at a terminal (stdin and stderr both are one).
  bool interactive() const { return interactive_; }
  /// The next line without its line end; nothing at the end of the input. On a terminal the prompt goes to
  /// stderr, and the line can be edited and joins the history.
  std::optional<std::string> next(const char* prompt);

 private:
  bool interactive_;
  LineSource lines_;
};

}  // namespace cobra
