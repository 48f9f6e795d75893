// What lies beside the running program, wherever it was built or installed.
#pragma once

#include <filesystem>
#include <string>

namespace cobra {

/// The folder of the running program; empty when the system does not say.
std::filesystem::path program_folder();

/// The model that comes with the program (models/README.md).
inline constexpr const char* kShippedModel = "cobra-tiny";
/// Its file: in models/ of the source tree that the program was built in, or in share/cobra/models where it is
/// installed. Empty when there is none.
std::string default_model();

}  // namespace cobra
