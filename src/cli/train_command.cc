// cobra train: starts cobra-train, which is a program of its own so that this one does not load libtorch.
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/fail.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/program_place.h"
#include "kernels/kernel_table.h"

namespace cobra {
namespace {

constexpr int kUnlessSet = 0;  // of setenv: what the user says stays

/// What libtorch logs about connections, the trainer says in one line. It reads these as it is loaded;
/// whoever sets them gets the log.
void silence_libtorch() {
  ::setenv("GLOG_minloglevel", "3", kUnlessSet);
  ::setenv("TORCH_CPP_LOG_LEVEL", "FATAL", kUnlessSet);
}

/// OpenBLAS chooses its kernels by the processor's model as it is loaded, and those of 2004 for a model
/// younger than itself: products then take several times as long. What the processor can do is what counts.
void choose_openblas_kernels() {
  const std::string_view isa = available_kernels().front().isa;
  if (isa.starts_with("avx512")) ::setenv("OPENBLAS_CORETYPE", "SkylakeX", kUnlessSet);
  if (isa.starts_with("avx2")) ::setenv("OPENBLAS_CORETYPE", "Haswell", kUnlessSet);
}

}  // namespace

void add_train_command(CLI::App& app) {
  app.add_subcommand("train", "Train and fine-tune (the program cobra-train)");  // for cobra --help
}

int run_trainer(int argc, const char* const* argv) {
  std::filesystem::path folder = program_folder();
  if (folder.empty()) folder = std::filesystem::path(argv[0]).parent_path();
  const std::string path = (folder / "cobra-train").string();
  std::vector<std::string> words{path};
  words.insert(words.end(), argv + 2, argv + argc);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  silence_libtorch();
  choose_openblas_kernels();
  ::execv(path.c_str(), arguments.data());
  say_error(
      errno == ENOENT
          ? fmt::format("{}: no such program: the trainer is built by the release preset, with libtorch "
                        "(scripts/setup.sh --train)",
                        printable(path, 1000))
          : fmt::format("{}: {}", printable(path, 1000), std::strerror(errno)));
  return 1;
}

}  // namespace cobra
