// Ctrl-C while an answer is generated.
#pragma once

#include <signal.h>

namespace cobra {

/// Thrown when the user interrupted and the work has been put away; the program then ends quietly with exit
/// code 130.
struct Interrupted {};

/// While one lives, the first SIGINT only sets a flag, so that the answer can end after its current token;
/// the second one ends the program as usual. At most one at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool interrupted() const;

 private:
  struct sigaction before_ {};
};

}  // namespace cobra
