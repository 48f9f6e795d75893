// cobra eval speed: the paper's measurement of speed (arXiv 2403.14520, table 3) on this machine.
// One picture, one prompt, 256 new tokens. The first reading of a picture also packs the towers' weights, so
// one short run before the measured ones takes that cost, as the paper's model was on its GPU already.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/fail.h"
#include "base/stopwatch.h"
#include "cli/answer.h"
#include "cli/eval_command.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/output.h"
#include "eval/paper.h"

namespace cobra {
namespace {

constexpr const char* kPrompt = "Describe the image specifically";
constexpr int64_t kNewTokens = 256;
constexpr const char* kExamples =
    "Examples:\n"
    "  cobra eval speed -m cobra.gguf --image photo.jpg\n"
    "  cobra eval speed -m cobra.gguf --image photo.jpg --runs 5 --threads 8 --json\n"
    "The prompt is \"Describe the image specifically\"; 256 new tokens are made whatever they are.";

struct SpeedFlags {
  ModelFlags model;
  std::string image;
  int64_t runs = 3;
  bool json = false;
};

struct SpeedRun {
  PictureCost picture;
  double prefill_ms = 0;  // of patches and prompt
  double decode_ms = 0;
  double per_token_ms = 0;
  double total_s = 0;

  /// The paper's definition: everything is in the total time.
  double tokens_per_second() const { return static_cast<double>(kNewTokens) / total_s; }
  double decode_tokens_per_second() const { return per_token_ms > 0 ? 1000.0 / per_token_ms : 0; }
};

/// From the picture's file to the last token.
SpeedRun measure(const Model& model, const std::vector<int32_t>& prompt, const std::string& image,
                 int64_t new_tokens) {
  const InterruptGuard guard;
  GenerateOptions options;
  options.max_new_tokens = new_tokens;
  options.eos_token_id = -1;
  options.on_text = [&](std::string_view) { return !guard.interrupted(); };
  const Stopwatch total;
  ImageCache no_cache(model);
  ReadPicture picture = read_picture(no_cache, image);
  const GenerateResult result = generate(picture.session, prompt, options);
  SpeedRun run;
  run.picture = picture.cost;
  run.total_s = total.elapsed_ms() / 1000;
  if (guard.interrupted()) throw Interrupted();
  run.prefill_ms = run.picture.prefill_ms + result.prefill_ms;
  run.decode_ms = result.decode_ms;
  run.per_token_ms = per_token_ms(result);
  return run;
}

std::vector<SpeedRun> measure_all(const Model& model, const SpeedFlags& flags) {
  const std::vector<int32_t> prompt = model.encode_question(kPrompt);
  constexpr int64_t kWarmUpTokens = 4;
  measure(model, prompt, flags.image, kWarmUpTokens);
  std::vector<SpeedRun> runs;
  for (int64_t i = 0; i < flags.runs; ++i) {
    runs.push_back(measure(model, prompt, flags.image, kNewTokens));
  }
  return runs;
}

struct Spread {
  double median, low, high;
};

template <typename Value>
Spread spread(const std::vector<SpeedRun>& runs, const Value& value) {
  std::vector<double> values;
  for (const SpeedRun& run : runs) values.push_back(value(run));
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median = values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

Spread total(const std::vector<SpeedRun>& runs) {
  return spread(runs, [](const SpeedRun& run) { return run.total_s; });
}
Spread rate(const std::vector<SpeedRun>& runs) {
  return spread(runs, [](const SpeedRun& run) { return run.tokens_per_second(); });
}
Spread decode_rate(const std::vector<SpeedRun>& runs) {
  return spread(runs, [](const SpeedRun& run) { return run.decode_tokens_per_second(); });
}

/// The processor's name as Linux tells it; ARM systems may not.
std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != line.npos) return printable(line.substr(colon + 2));
  }
  return "unnamed CPU";
}

Json to_json(const Spread& spread) {
  return {{"median", spread.median}, {"min", spread.low}, {"max", spread.high}};
}

Json to_json(const SpeedRun& run) {
  return {{"total_s", run.total_s},
          {"tokens_per_second", run.tokens_per_second()},
          {"decode_tokens_per_second", run.decode_tokens_per_second()},
          {"image_ms", run.picture.image_ms},
          {"vision_ms", run.picture.vision_ms},
          {"prefill_ms", run.prefill_ms},
          {"decode_ms", run.decode_ms}};
}

Json paper_json() {
  Json rows = Json::array();
  for (const eval::PaperSpeed& speed : eval::paper_speeds()) {
    rows.push_back({{"model", speed.model},
                    {"tokens_per_second", speed.tokens_per_second},
                    {"total_s", speed.total_s},
                    {"visual_tokens", speed.visual_tokens}});
  }
  return {{"source", fmt::format("{}, Table 3", eval::kPaper)},
          {"hardware", eval::kPaperHardware},
          {"rows", std::move(rows)}};
}

std::string model_name(const Model& model, const SpeedFlags& flags) {
  const std::string& id = model.config().model_id;
  return printable(id.empty() ? std::filesystem::path(flags.model.path).filename().string() : id, 40);
}

Json report_json(const Model& model, const SpeedFlags& flags, const std::vector<SpeedRun>& runs) {
  Json each = Json::array();
  for (const SpeedRun& run : runs) each.push_back(to_json(run));
  return {{"model", model_name(model, flags)},
          {"prompt", kPrompt},
          {"new_tokens", kNewTokens},
          {"visual_tokens", runs[0].picture.tokens},
          {"total_s", to_json(total(runs))},
          {"tokens_per_second", to_json(rate(runs))},
          {"decode_tokens_per_second", to_json(decode_rate(runs))},
          {"runs", std::move(each)},
          {"machine",
           {{"cpu", cpu_name()},
            {"isa", model.runtime().isa()},
            {"bf16_products", model.runtime().bf16_products()},
            {"threads", model.runtime().threads()}}},
          {"paper", paper_json()}};
}

std::string row(const std::string& name, double tokens_per_second, double total_s, int64_t visual_tokens) {
  return fmt::format("  {:<40} {:>8.2f} {:>9.2f} {:>8}\n", name, tokens_per_second, total_s, visual_tokens);
}

std::string report_text(const Model& model, const SpeedFlags& flags, const std::vector<SpeedRun>& runs) {
  const Spread seconds = total(runs), tokens = rate(runs), decode = decode_rate(runs);
  std::string text = fmt::format("  {:<40} {:>8} {:>9} {:>8}\n", "", "tokens/s", "total s", "visual");
  text += fmt::format("This machine: {}, {}, {} threads\n", cpu_name(), model.runtime().isa(),
                      model.runtime().threads());
  text += row(model_name(model, flags), tokens.median, seconds.median, runs[0].picture.tokens);
  text += fmt::format(
      "  median of {} runs; tokens/s from {:.2f} to {:.2f}, total from {:.2f} s to {:.2f} s\n"
      "  decoding alone: {:.2f} tokens/s (from {:.2f} to {:.2f})\n",
      runs.size(), tokens.low, tokens.high, seconds.low, seconds.high, decode.median, decode.low,
      decode.high);
  text += fmt::format("The paper's Table 3 ({}): {}\n", eval::kPaper, eval::kPaperHardware);
  for (const eval::PaperSpeed& speed : eval::paper_speeds()) {
    text += row(speed.model, speed.tokens_per_second, speed.total_s, speed.visual_tokens);
  }
  return text +
         fmt::format("tokens/s = {} / total time, with the picture's encoding and the prefill\n", kNewTokens);
}

void run_speed(const SpeedFlags& flags) {
  const Model model = load_model(flags.model);
  const std::vector<SpeedRun> runs = measure_all(model, flags);
  print(flags.json ? json_line(report_json(model, flags, runs)) : report_text(model, flags, runs));
}

}  // namespace

void add_eval_speed_command(CLI::App& eval) {
  CLI::App* command = eval.add_subcommand("speed", "The paper's measurement of speed, beside its table");
  const auto flags = std::make_shared<SpeedFlags>();
  add_model_flags(*command, flags->model);
  command->add_option("--image", flags->image, "Picture (JPEG, PNG, WebP, data URI)")
      ->required()
      ->type_name("FILE");
  constexpr int64_t kMaxRuns = 1000;
  add_integer(*command, "--runs", flags->runs, 1, kMaxRuns, "Measured runs; 3 if not given");
  command->add_flag("--json", flags->json, "One JSON object with every run");
  command->footer(kExamples);
  command->callback([flags] { run_speed(*flags); });
}

}  // namespace cobra
