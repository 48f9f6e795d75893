#include "cli/options.h"

#include <charconv>
#include <system_error>

#include "base/fail.h"
#include "cli/program_place.h"
#include "cli/progress.h"
#include "runtime/lookahead.h"

namespace cobra {
namespace {

constexpr int64_t kMaxThreads = 1024;
constexpr int64_t kMaxChunk = 1 << 16;  // what Session reads at a time at most
constexpr int64_t kMaxCount = std::numeric_limits<int32_t>::max();

/// The whole text as a number between the limits. The comparison is written so that NaN fails it.
template <typename T>
T parse_in_range(const std::string& text, const std::string& flag, T low, T high, const char* kind) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value >= low && value <= high)) {
    throw UsageError(
        fmt::format("{} must be {} from {} to {}, found '{}'", flag, kind, low, high, printable(text)));
  }
  return value;
}

template <typename T>
CLI::Option* add_parsed(CLI::App& command, const std::string& flag, T& value, T low, T high, const char* kind,
                        const std::string& description) {
  const auto parse = [&value, flag, low, high, kind](const std::string& text) {
    value = parse_in_range(text, flag, low, high, kind);
  };
  return command.add_option_function<std::string>(flag, parse, description);
}

/// Returns the temperature's flag.
CLI::Option* add_sampling_flags(CLI::App& command, SamplingOptions& sampling, int64_t& top_k) {
  const std::string group = "Sampling (without these flags the most likely token is taken)";
  CLI::Option* temperature = add_number(command, "--temperature", sampling.temperature, 0, 100,
                                        "Sample; above 1 is more varied, 0 takes the most likely token")
                                 ->group(group);
  add_integer(command, "--top-k", top_k, 0, kMaxCount, "Sample among the K most likely tokens; 0: all")
      ->group(group);
  add_number(command, "--top-p", sampling.top_p, 0, 1,
             "Sample among the likeliest tokens that make up P; 0: all")
      ->group(group);
  add_number(command, "--min-p", sampling.min_p, 0, 1,
             "Sample among tokens at least P times as likely as the first")
      ->group(group);
  add_number(command, "--repetition-penalty", sampling.repetition_penalty, 0.01, 100,
             "Make ids of the prompt and answer less likely (above 1)")
      ->group(group);
  add_parsed<uint64_t>(command, "--seed", sampling.seed, 0, std::numeric_limits<uint64_t>::max(),
                       "an integer", "Seed of the random numbers")
      ->type_name("N")
      ->group(group);
  return temperature;
}

}  // namespace

CLI::Option* add_integer(CLI::App& command, const std::string& flag, int64_t& value, int64_t low,
                         int64_t high, const std::string& description) {
  return add_parsed(command, flag, value, low, high, "an integer", description)->type_name("N");
}

CLI::Option* add_number(CLI::App& command, const std::string& flag, double& value, double low, double high,
                        const std::string& description) {
  return add_parsed(command, flag, value, low, high, "a number", description)->type_name("X");
}

CLI::Option* add_repeated_text(CLI::App& command, const std::string& flag, const std::string& description) {
  const CLI::callback_t keep = [](const CLI::results_t&) { return true; };
  return command.add_option(flag, keep, description)
      ->type_name("TEXT")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_model_flags(CLI::App& command, ModelFlags& flags, ModelDefault otherwise) {
  CLI::Option* model = command.add_option("-m,--model", flags.path, "Model file (GGUF)")->type_name("FILE");
  if (otherwise == ModelDefault::shipped) flags.path = default_model();
  if (flags.path.empty()) {
    model->required();
  } else {
    model->default_str(std::string(kShippedModel) + ", which comes with the program");
  }
  add_integer(command, "--threads", flags.threads, 0, kMaxThreads, "Threads; 0: one for each core");
  command.add_option("--isa", flags.isa, "Instruction set instead of the best one, e.g. avx2, reference")
      ->type_name("NAME");
  command.add_flag("--w8a8", flags.w8a8,
                   "Read pictures and prompts with 8-bit activations: faster on some machines, less exact");
}

void add_state_type_flag(CLI::App& command, ModelFlags& flags) {
  command
      .add_option("--state-type", flags.state_type,
                  "bf16 rounds the scan's state after every token, to see what that would cost")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
}

Runtime runtime_of(const ModelFlags& flags) {
  const StateType state = flags.state_type == "bf16" ? StateType::bf16 : StateType::f32;
  return Runtime({static_cast<int>(flags.threads), flags.isa, {state, flags.w8a8}});
}

Model load_model(const ModelFlags& flags) {
  const Runtime runtime = runtime_of(flags);
  const ProgressLine progress("loading the model");
  return Model::load(flags.path, runtime);
}

void add_chunk_flag(CLI::App& command, int64_t& chunk) {
  add_integer(command, "--chunk", chunk, 0, kMaxChunk, "Prompt tokens read at a time; 0: 1024");
}

void add_generate_flags(CLI::App& command, GenerateFlags& flags) {
  GenerateOptions& options = flags.options;
  add_integer(command, "--max-tokens", options.max_new_tokens, 0, kMaxCount,
              "New tokens at most (at least one is made); without it --max-length ends the answer");
  add_integer(command, "--max-length", options.max_length, 0, kMaxCount,
              "Text prompt and new tokens together at most; 2000 if not given");
  add_integer(command, "--eos-id", options.eos_token_id, -1, kMaxCount,
              "Token that ends the answer; -1: none");
  add_integer(command, "--vocab-limit", options.vocab_limit, 0, kMaxCount,
              "Generate ids below N only; 0: all");
  flags.stop = add_repeated_text(command, "--stop", "End the answer before this text (may be repeated)");
  add_chunk_flag(command, options.chunk);
  add_integer(
      command, "--speculate", options.speculate, 0, kMaxDraft,
      "Tokens guessed at most from what was said before, and read together, a state of the session for each: "
      "the same answer, sooner where it repeats itself, later where it does not");
  flags.temperature = add_sampling_flags(command, options.sampling, flags.top_k);
}

GenerateOptions generate_options(const GenerateFlags& flags) {
  GenerateOptions options = flags.options;
  options.sampling.top_k = static_cast<int>(flags.top_k);
  const bool cold = flags.temperature->count() > 0 && options.sampling.temperature == 0;
  if (cold) options.sampling.top_k = 1;
  options.stop = flags.stop->results();
  return options;
}

}  // namespace cobra
