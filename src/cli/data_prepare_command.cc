// cobra data prepare: index files of a benchmark from its official downloads.
#include <charconv>
#include <memory>

#include "base/fail.h"
#include "cli/eval_command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "eval/prepare.h"

namespace cobra {
namespace {

constexpr int64_t kMaxSlim = 1 << 30;

constexpr const char* kExamples =
    "DIR holds download/B/ with the files as the benchmark publishes them (DIR may also be download/ or\n"
    "download/B/). The index goes to datasets/B/ beside download/, or below -o, where download/B then links "
    "to\n"
    "the downloads.\n"
    "Examples:\n"
    "  cobra data prepare --benchmark gqa --from DIR\n"
    "  cobra data prepare --benchmark pope --from downloads/pope -o DIR --slim 64,1024";

struct PrepareFlags {
  std::string benchmark;
  std::string from;
  std::string output;
  std::string slim;
  bool no_slim = false;
  bool json = false;
};

std::vector<int64_t> parse_sizes(std::string_view text) {
  std::vector<int64_t> sizes;
  while (true) {
    const std::string_view part = text.substr(0, text.find(','));
    int64_t size = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), size);
    const bool number = error == std::errc() && end == part.data() + part.size();
    if (!number || size < 1 || size > kMaxSlim) {
      throw UsageError(fmt::format("--slim must be sizes as 64,1024, found '{}'", printable(text)));
    }
    sizes.push_back(size);
    if (part.size() == text.size()) return sizes;
    text.remove_prefix(part.size() + 1);
  }
}

std::vector<int64_t> slim_sizes(const PrepareFlags& flags, const eval::Benchmark& benchmark) {
  if (!flags.slim.empty()) return parse_sizes(flags.slim);
  return flags.no_slim ? std::vector<int64_t>() : benchmark.info().slim_sizes;
}

void warn(const eval::Prepared& prepared) {
  for (const std::string& warning : prepared.warnings) say(fmt::format("warning: {}\n", warning));
  if (prepared.missing_pictures.empty()) return;
  say(fmt::format("warning: {} of {} pictures are missing, the first is {}\n",
                  prepared.missing_pictures.size(), prepared.pictures,
                  printable(prepared.missing_pictures[0], 4096)));
}

void report(const eval::Prepared& prepared, bool json) {
  if (json) {
    return print(json_line({{"questions", prepared.questions},
                            {"pictures", prepared.pictures},
                            {"files", prepared.files},
                            {"missing_pictures", prepared.missing_pictures}}));
  }
  for (const std::string& file : prepared.files) print(file + "\n");
}

void run_prepare(const PrepareFlags& flags) {
  const eval::Benchmark& benchmark = chosen_benchmark(flags.benchmark);
  ProgressLine progress("preparing");
  const eval::Prepared prepared =
      eval::prepare(benchmark, flags.from, flags.output, slim_sizes(flags, benchmark));
  progress.finish();
  say(fmt::format("{}: {} questions about {} pictures\n", benchmark.info().family, prepared.questions,
                  prepared.pictures));
  warn(prepared);
  report(prepared, flags.json);
}

}  // namespace

void add_data_prepare_command(CLI::App& data) {
  CLI::App* command =
      data.add_subcommand("prepare", "Index files of a benchmark from its official downloads");
  const auto flags = std::make_shared<PrepareFlags>();
  add_benchmark_flag(*command, flags->benchmark)->required();
  command->add_option("--from", flags->from, "Folder with the downloads")->type_name("DIR")->required();
  command->add_option("-o,--output", flags->output, "Folder for datasets/B/ (default: beside download/)")
      ->type_name("DIR");
  CLI::Option* slim =
      command->add_option("--slim", flags->slim, "Sizes of slim sets (default: the official ones)")
          ->type_name("N,N");
  command->add_flag("--no-slim", flags->no_slim, "No slim sets")->excludes(slim);
  command->add_flag("--json", flags->json, "What was written as one JSON object");
  command->footer(kExamples);
  command->callback([flags] { run_prepare(*flags); });
}

}  // namespace cobra
