#include "cli/interrupt.h"

namespace cobra {
namespace {

volatile sig_atomic_t interrupt_seen = 0;  // a signal handler can reach nothing but a global

void remember_interrupt(int) { interrupt_seen = 1; }

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupt_seen = 0;
  struct sigaction action {};
  action.sa_handler = remember_interrupt;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);  // RESETHAND: the second Ctrl-C kills
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &before_);
}

InterruptGuard::~InterruptGuard() { sigaction(SIGINT, &before_, nullptr); }

bool InterruptGuard::interrupted() const { return interrupt_seen != 0; }

}  // namespace cobra
