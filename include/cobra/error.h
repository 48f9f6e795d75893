// The one exception type of cobra.
#pragma once

#include <stdexcept>
#include <string>

namespace cobra {

/// Thrown by every cobra function that cannot do what it was asked. `what()` is one line that names the file,
/// tensor or field, what was expected and what was found. Nothing is left half-written when it is thrown.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

}  // namespace cobra
