// What lies beside the running program, wherever it was built or installed.
#pragma once

#include <filesystem>
#include <string>

namespace cobra {

/// The folder of the running program; empty when the system does not say.
std::filesystem::path program_folder();

/// The model that comes with the program: models/cobra-tiny.gguf in the source tree that it was built in, or
/// share/cobra/models/cobra-tiny.gguf where it is installed. Empty when there is none.
std::string default_model();

}  // namespace cobra
