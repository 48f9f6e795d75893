#include "cli/lines.h"

#include <cerrno>
#include <cstring>

#include "base/fail.h"

namespace cobra {

bool LineSource::next(std::string& line) {
  line.clear();
  ++number_;
  int c = 0;
  while ((c = std::getc(file_)) != EOF && c != '\n') {
    check(line.size() < max_bytes_, "{}: longer than {} bytes", place(), max_bytes_);
    line += static_cast<char>(c);
  }
  check(std::ferror(file_) == 0, "{}: cannot read: {}", place(), std::strerror(errno));
  return c == '\n' || !line.empty();
}

std::string LineSource::place() const { return fmt::format("standard input, line {}", number_); }

}  // namespace cobra
