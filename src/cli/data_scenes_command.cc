// cobra data scenes: pictures of simple objects and illusions, with questions and exact answers.
#include <memory>

#include "base/fail.h"
#include "cli/data_command.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "scenes/dataset.h"
#include "scenes/scene.h"

namespace cobra {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  cobra data scenes -o scenes\n"
    "  cobra data scenes --train 0 --test 500 --seed 2 -o fresh\n"
    "Writes train.json (LLaVA's format), scenes-train.zip (pictures), test scenes as the downloads of "
    "VQA-v2,\n"
    "VSR and POPE, and in illusions/ test illusions as VQA-v2's, for 'cobra eval'. Test scenes\n"
    "have combinations of shape, colour and texture, and test illusions pairs of colours,\n"
    "that are never trained.";

struct ScenesFlags {
  scenes::DatasetOptions options;
  int64_t seed = 0, pixels = 128, max_objects = scenes::kUsualObjects;
};

void run_scenes(const ScenesFlags& flags) {
  ProgressLine progress("drawing pictures");
  scenes::DatasetOptions options = flags.options;
  options.seed = static_cast<uint64_t>(flags.seed);
  options.pixels = static_cast<int>(flags.pixels);
  options.max_objects = static_cast<size_t>(flags.max_objects);
  const InterruptGuard guard;
  options.progress = [&](int64_t done, int64_t total) {
    if (guard.interrupted()) throw Interrupted();  // what is made so far is removed
    progress.update(done, total);
  };
  const scenes::DatasetReport report = scenes::make_dataset(options);
  progress.finish();
  say(fmt::format("wrote {}: {} conversations to train, {} questions to test\n",
                  printable(options.output, 1000), report.train, report.test_questions));
}

/// What is trained instead of whole conversations: one of these at most.
void add_teaching_flags(CLI::App& command, const std::shared_ptr<ScenesFlags>& flags) {
  CLI::Option_group* teaching =
      command.add_option_group("Teaching", "Scenes alone, without illusions and talk");
  teaching->require_option(0, 1);
  const auto add = [&](const char* flag, scenes::Teaching value, const char* help) {
    teaching->add_flag_callback(
        flag, [flags, value] { flags->options.teaching = value; }, help);
  };
  add("--captions", scenes::Teaching::captions, "Train on captions alone: the most to be seen in each word");
  add("--places", scenes::Teaching::places, "Train on lists of what is where alone");
  add("--lookups", scenes::Teaching::lookups,
      "Train on questions for what must be found by its name: where it is, alone and seen from another, "
      "whether it is there");
  add("--comparisons", scenes::Teaching::comparisons,
      "Train on what must be found and compared: presence, places seen from another, statements");
}

}  // namespace

void add_data_scenes_command(CLI::App& data) {
  CLI::App* command =
      data.add_subcommand("scenes", "Pictures of simple objects and illusions, with exact answers");
  const auto flags = std::make_shared<ScenesFlags>();
  command->add_option("-o,--output", flags->options.output, "Folder to make")->required()->type_name("DIR");
  add_integer(*command, "--train", flags->options.train, 0, 10'000'000,
              "Conversations to train on; 60000 if not given");
  add_integer(*command, "--test", flags->options.test, 0, 999'999,
              "Scenes, and as many illusions, to test on; 500 if not given");
  add_integer(*command, "--pixels", flags->pixels, 16, 2048, "Length of a picture's side; 128 if not given");
  add_integer(*command, "--max-objects", flags->max_objects, 1, scenes::kMaxObjects,
              "Most objects in a scene; fewer are easier, to begin with");
  add_teaching_flags(*command, flags);
  add_integer(*command, "--seed", flags->seed, 0, INT64_MAX, "The same seed, the same files; 0 if not given");
  command->footer(kExamples);
  command->callback([flags] { run_scenes(*flags); });
}

}  // namespace cobra
