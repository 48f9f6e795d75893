#include "cli/thread_waiting.h"
#include "train/cli/commands.h"

int main(int argc, char** argv) {
  cobra::bound_thread_waiting(argv);
  return cobra::train::run_trainer_program(argc, argv);
}
