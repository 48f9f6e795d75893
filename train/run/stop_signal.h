// SIGINT and SIGTERM while a run goes on: the step is finished, a checkpoint is written, then the program
// ends.
#pragma once

#include <signal.h>

namespace cobra::train {

/// While one lives, the first SIGINT and the first SIGTERM are only remembered; a second one ends the program
/// as usual. At most one at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// The signal's number, or 0.
  int received() const;

 private:
  struct sigaction before_interrupt_ {};
  struct sigaction before_terminate_ {};
};

}  // namespace cobra::train
