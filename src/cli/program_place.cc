#include "cli/program_place.h"

#include <system_error>

namespace cobra {

namespace fs = std::filesystem;

fs::path program_folder() {
  std::error_code unknown;
  const fs::path own = fs::read_symlink("/proc/self/exe", unknown);
  return unknown ? fs::path() : own.parent_path();
}

std::string default_model() {
  constexpr int kLevels = 4;  // build/release/bin/ is three below the source tree
  fs::path folder = program_folder();
  for (int level = 0; level < kLevels && !folder.empty(); ++level, folder = folder.parent_path()) {
    for (const char* place : {"share/cobra/models", "models"}) {
      const fs::path model = folder / place / (std::string(kShippedModel) + ".gguf");
      std::error_code error;
      if (fs::is_regular_file(model, error)) return model.string();
    }
  }
  return "";
}

}  // namespace cobra
