// cobra eval generate: a model's answers to a benchmark.
#include <filesystem>
#include <memory>

#include "base/fail.h"
#include "base/file.h"
#include "cli/eval_command.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "eval/generate.h"

namespace cobra {
namespace {

constexpr int64_t kMaxBatch = 256;
constexpr const char* kExamples =
    "RESULTS is a folder for results.jsonl (the log) and results+rank-0.json (official), or names the log "
    "(.jsonl).\n"
    "Examples:\n"
    "  cobra eval generate --benchmark gqa --data DIR -m cobra.gguf -o RESULTS\n"
    "  cobra eval generate --benchmark gqa --data DIR -m cobra.gguf -o RESULTS --resume\n"
    "  cobra eval generate --benchmark vqa-v2 --data DIR -m cobra.gguf -o RESULTS --shard 0/4\n"
    "Shards are of pictures; 'cobra eval merge' makes one log of theirs, equal to that of one run.";

namespace fs = std::filesystem;

/// Where a run writes: the files of RESULTS for its shard.
void set_paths(const EvalRunFlags& flags, eval::GenerateRun& run) {
  const fs::path output = flags.output;
  const bool is_log = output.extension() == ".jsonl";
  const fs::path folder = is_log ? output.parent_path() : output;
  const std::string shard =
      run.shard.count > 1 ? fmt::format("-{}-of-{}", run.shard.index, run.shard.count) : "";
  run.log_path = is_log ? output.string() : (folder / fmt::format("results{}.jsonl", shard)).string();
  const std::string stem = is_log ? output.stem().string() : "results";
  run.official_path = (folder / fmt::format("{}+rank-{}.json", stem, run.shard.index)).string();
}

eval::GenerateRun run_of(const EvalRunFlags& flags) {
  eval::GenerateRun run;
  try {
    run.shard = eval::parse_shard(flags.shard);
  } catch (const Error& error) {
    throw UsageError(fmt::format("--shard: {}", error.what()));
  }
  set_paths(flags, run);
  run.version = "cobra " COBRA_VERSION;
  run.limited = flags.limit > 0;
  run.resume = flags.resume;
  run.batch = flags.batch;
  run.sharing = !flags.no_sharing;
  run.blind = flags.blind;
  for (const std::string& path : {run.log_path, run.official_path}) {
    check(run.resume || !fs::exists(path), "{}: exists: --resume goes on with its run", path);
  }
  return run;
}

/// Fails where there is not one answer.
void say_counts(const eval::GenerateCounts& counts, const eval::GenerateRun& run) {
  if (counts.cut_prompts) {
    say(fmt::format("warning: {} long prompts were cut, as in the official code\n", counts.cut_prompts));
  }
  const std::string first_error = printable(counts.first_error, 4096);
  const bool all_failed = counts.failed > 0 && counts.failed == counts.questions;
  if (counts.failed && !all_failed) {
    say(fmt::format("warning: {} of {} questions could not be asked, the first because of {}\n",
                    counts.failed, counts.questions, first_error));
  }
  if (run.limited) say("warning: these are the first questions only, not the benchmark\n");
  const std::string earlier = counts.earlier ? fmt::format(" ({} from before)", counts.earlier) : "";
  say(fmt::format("wrote {} and {}: {} answers{}\n", run.log_path, run.official_path, counts.questions,
                  earlier));
  check(!all_failed, "none of {} questions could be asked, the first because of {}", counts.questions,
        first_error);
}

}  // namespace

void add_eval_run_flags(CLI::App& command, EvalRunFlags& flags) {
  add_dataset_flags(command, flags.dataset);
  add_model_flags(command, flags.model);
  add_state_type_flag(command, flags.model);
  command.add_option("-o,--output", flags.output, "Folder for the results, or the log (.jsonl)")
      ->type_name("RESULTS")
      ->required();
  add_integer(command, "--batch", flags.batch, 1, kMaxBatch,
              "Prompts read and answers decoded together (16 if not given); no effect on results");
  add_integer(command, "--limit", flags.limit, 0, std::numeric_limits<int32_t>::max(),
              "The first N questions only; 0: all");
  command.add_flag("--resume", flags.resume,
                   "Go on with results that are there; questions that could not be asked are asked again");
  command.add_flag("--no-sharing", flags.no_sharing,
                   "Read the picture for every question, one at a time (for comparison; same results)");
  command.add_flag("--blind", flags.blind, "Show a grey picture instead of each (for comparison)");
}

GeneratedResults generate_results(const EvalRunFlags& flags) {
  GeneratedResults results{open_dataset(flags.dataset), {}};
  eval::GenerateRun run = run_of(flags);
  if (run.limited) eval::keep_first(results.dataset, static_cast<size_t>(flags.limit));
  const Model model = load_model(flags.model);
  if (const fs::path folder = fs::path(run.log_path).parent_path(); !folder.empty()) {
    ensure_folder(folder.string());  // only now: what is refused leaves nothing behind
  }
  ProgressLine progress(flags.dataset.benchmark);
  run.progress = [&](int64_t done, int64_t total) { progress.update(done, total); };
  const eval::GenerateCounts counts = eval::generate_results(results.dataset, model, run);
  progress.finish();
  say_counts(counts, run);
  results.log_path = run.log_path;
  return results;
}

void add_eval_generate_command(CLI::App& eval) {
  CLI::App* command = eval.add_subcommand("generate", "A model's answers to a benchmark");
  const auto flags = std::make_shared<EvalRunFlags>();
  add_eval_run_flags(*command, *flags);
  command->add_option("--shard", flags->shard, "Part i of n of the pictures, 0 <= i < n")->type_name("i/n");
  command->footer(kExamples);
  command->callback([flags] { generate_results(*flags); });
}

}  // namespace cobra
