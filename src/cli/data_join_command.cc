// cobra data join: several training files as one.
#include <filesystem>
#include <memory>

#include "base/fail.h"
#include "base/file.h"
#include "cli/data_command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "data/dataset.h"

namespace cobra {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExamples =
    "Example:\n"
    "  cobra data join scenes/train.json fashion/train.json -o train.json\n"
    "Pictures are named from each file's folder there, and from OUT's folder in OUT: train with its folder "
    "as\n"
    "--images.";

struct JoinFlags {
  std::vector<std::string> files;
  std::string output;
};

/// The folder of `file`, seen from the folder of `output`.
std::string prefix_of(const std::string& file, const std::string& output) {
  const fs::path from = fs::absolute(output).lexically_normal().parent_path();
  const fs::path folder = fs::absolute(file).lexically_normal().parent_path().lexically_relative(from);
  check(!folder.empty() && *folder.begin() != "..", "{}: must lie in or below {}, the folder of the output",
        printable(file, 1000), printable(from.string(), 1000));
  return folder == "." ? "" : folder.string() + "/";
}

void run_join(const JoinFlags& flags) {
  for (const std::string& file : flags.files) check_output_differs(flags.output, file);
  ProgressLine progress("joining");
  AtomicFile out(flags.output);
  int64_t count = 0;
  out.write("[\n");
  for (const std::string& file : flags.files) {
    const std::string prefix = prefix_of(file, flags.output);
    data::DatasetOptions options;
    options.strict = true;
    const data::ExampleFile examples(file, options);
    for (int64_t i = 0; i < examples.size(); ++i, ++count) {
      data::Example example = examples.example(i);
      if (example.has_picture()) example.picture = prefix + example.picture;
      out.write((count ? ",\n" : "") + data::example_json(example).dump());
      progress.update(i + 1, examples.size());
    }
  }
  out.write("\n]\n");
  out.commit();
  progress.finish();
  say(fmt::format("wrote {}: {} examples\n", printable(flags.output, 1000), count));
}

}  // namespace

void add_data_join_command(CLI::App& data) {
  CLI::App* command = data.add_subcommand("join", "Several training files as one");
  const auto flags = std::make_shared<JoinFlags>();
  command->add_option("files", flags->files, "Conversations in LLaVA's format")
      ->required()
      ->type_name("DATA.json");
  command->add_option("-o,--output", flags->output, "Training file to write")
      ->required()
      ->type_name("OUT.json");
  command->footer(kExamples);
  command->callback([flags] { run_join(*flags); });
}

}  // namespace cobra
