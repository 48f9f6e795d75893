#include "cli/command.h"
#include "cli/thread_waiting.h"

int main(int argc, char** argv) {
  cobra::bound_thread_waiting(argv);
  return cobra::run_program(argc, argv);
}
