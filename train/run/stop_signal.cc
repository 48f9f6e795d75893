#include "train/run/stop_signal.h"

namespace cobra::train {
namespace {

volatile sig_atomic_t signal_seen = 0;  // a signal handler can reach nothing but a global

void remember(int number) { signal_seen = number; }

}  // namespace

StopSignal::StopSignal() {
  signal_seen = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &before_interrupt_);
  sigaction(SIGTERM, &action, &before_terminate_);
}

StopSignal::~StopSignal() {
  sigaction(SIGINT, &before_interrupt_, nullptr);
  sigaction(SIGTERM, &before_terminate_, nullptr);
}

int StopSignal::received() const { return signal_seen; }

}  // namespace cobra::train
