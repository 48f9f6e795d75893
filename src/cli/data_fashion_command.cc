// cobra data fashion: Fashion-MNIST as questions about pictures.
#include <memory>

#include "base/fail.h"
#include "cli/data_command.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "data/fashion.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra data fashion -o fashion\n"
    "  cobra data fashion --from ~/fashion-mnist --seed 7 -o fashion\n"
    "Writes train.json and test.json (LLaVA's format), fashion-train.zip (pictures), and the test set once\n"
    "more as VQA-v2's downloads, for 'cobra eval'. Debian: apt-get install dataset-fashion-mnist";

struct FashionFlags {
  std::string from = data::kFashionFolder;
  std::string output;
  int64_t seed = 0;
  double sentences = 0;
};

void run_fashion(const FashionFlags& flags) {
  ProgressLine progress("making pictures");
  data::FashionOptions options{
      flags.from, flags.output, static_cast<uint64_t>(flags.seed), flags.sentences, {}};
  const InterruptGuard guard;
  options.progress = [&](int64_t done, int64_t total) {
    if (guard.interrupted()) throw Interrupted();  // what is made so far is removed
    progress.update(done, total);
  };
  const data::FashionReport report = data::make_fashion(options);
  progress.finish();
  say(fmt::format("wrote {}: {} examples to train, {} to test\n", printable(flags.output, 1000), report.train,
                  report.test));
}

}  // namespace

void add_data_fashion_command(CLI::App& data) {
  CLI::App* command = data.add_subcommand("fashion", "Fashion-MNIST as questions about pictures of garments");
  const auto flags = std::make_shared<FashionFlags>();
  command->add_option("--from", flags->from, "Folder of the four IDX files")
      ->capture_default_str()
      ->type_name("DIR");
  command->add_option("-o,--output", flags->output, "Folder to make")->required()->type_name("DIR");
  add_integer(*command, "--seed", flags->seed, 0, INT64_MAX,
              "Chooses the phrasings of the questions; 0 if not given");
  add_number(*command, "--sentences", flags->sentences, 0, 1,
             "Share of the training questions that are answered by a sentence; 0 if not given");
  command->footer(kExamples);
  command->callback([flags] { run_fashion(*flags); });
}

}  // namespace cobra
