#include "cli/command.h"

int main(int argc, char** argv) { return cobra::run_program(argc, argv); }
