#include "train/cli/commands.h"

int main(int argc, char** argv) { return cobra::train::run_trainer_program(argc, argv); }
