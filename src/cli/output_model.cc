#include "cli/output_model.h"

#include <filesystem>

#include "base/fail.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cobra/runtime.h"

namespace cobra {

const std::vector<std::string>& model_types() {
  static const std::vector<std::string> kTypes = {"f32", "f16", "bf16", "q8_0", "q4_0", "q4_k"};
  return kTypes;
}

void add_output_model_flags(CLI::App& command, OutputModelFlags& flags,
                            const std::vector<std::string>& types) {
  CLI::Option* type = command.add_option("--type", flags.type, "Type of the matrices; vectors stay f32");
  type->check(CLI::IsMember(types));
  if (flags.type.empty()) {
    type->required();
  } else {
    type->capture_default_str();
  }
  command.add_option("-o,--output", flags.path, "Model file to write (GGUF)")->required()->type_name("FILE");
  add_integer(command, "--threads", flags.threads, 0, 1024, "Threads; 0: one for each core");
}

void write_model(const std::string& label, const OutputModelFlags& flags,
                 const std::function<void(const OutputModel&)>& write) {
  RuntimeOptions runtime;
  runtime.threads = static_cast<int>(flags.threads);
  ProgressLine progress(label);
  OutputModel output{parse_dtype(flags.type), flags.path, Runtime(runtime).threads(), {}};
  output.progress = [&progress](int64_t done, int64_t total, const std::string&) {
    progress.update(done, total);
  };
  write(output);
  progress.finish();
  const auto bytes = static_cast<int64_t>(std::filesystem::file_size(flags.path));
  say(fmt::format("wrote {} ({}, {})\n", printable(flags.path, 1000), flags.type, human_bytes(bytes)));
}

std::string human_bytes(int64_t bytes) {
  const auto n = static_cast<double>(bytes);
  if (bytes >= 1'000'000'000) return fmt::format("{:.2f} GB", n / 1e9);
  if (bytes >= 1'000'000) return fmt::format("{:.2f} MB", n / 1e6);
  if (bytes >= 1000) return fmt::format("{:.1f} kB", n / 1e3);
  return fmt::format("{} bytes", bytes);
}

}  // namespace cobra
