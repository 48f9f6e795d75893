// Lines from a pipe, with a limit on their length.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace cobra {

class LineSource {
 public:
  LineSource(std::FILE* file, size_t max_bytes) : file_(file), max_bytes_(max_bytes) {}

  /// The next line without its "\n"; false at the end of the input. Throws Error naming the line when it is
  /// longer than the limit or cannot be read.
  bool next(std::string& line);
  /// "standard input, line 3", for errors about the line that `next` gave.
  std::string place() const;

 private:
  std::FILE* file_;
  size_t max_bytes_;
  int64_t number_ = 0;
};

}  // namespace cobra
