// Flags that several commands share, and their checks.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "cobra/error.h"
#include "cobra/generate.h"
#include "cobra/model.h"

namespace cobra {

/// A wrong command line: reported with a hint to --help and exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// A flag that takes an integer (or a number) from `low` to `high`. Anything else is a UsageError that names
/// the flag. Why not CLI11's own conversion: it reads 010 as eight, lets too large numbers saturate and NaN
/// pass a range.
CLI::Option* add_integer(CLI::App& command, const std::string& flag, int64_t& value, int64_t low,
                         int64_t high, const std::string& description);
CLI::Option* add_number(CLI::App& command, const std::string& flag, double& value, double low, double high,
                        const std::string& description);

/// A flag that takes one text and may be repeated. `option->results()` has the texts exactly as given (the
/// conversions of CLI11 give "[a,b]" and "{}" a meaning of their own).
CLI::Option* add_repeated_text(CLI::App& command, const std::string& flag, const std::string& description);

/// -m, --threads, --isa and --w8a8.
struct ModelFlags {
  std::string path;
  int64_t threads = 0;
  std::string isa;
  std::string state_type = "f32";
  bool w8a8 = false;
};
/// What happens without -m: it is an error, or the model is used that comes with the program, if one does.
enum class ModelDefault { none, shipped };
void add_model_flags(CLI::App& command, ModelFlags& flags, ModelDefault otherwise = ModelDefault::none);
/// --state-type, for experiments.
void add_state_type_flag(CLI::App& command, ModelFlags& flags);
Runtime runtime_of(const ModelFlags& flags);
/// Loads the model of the flags, with progress on a terminal.
Model load_model(const ModelFlags& flags);

/// --chunk.
void add_chunk_flag(CLI::App& command, int64_t& chunk);

/// What decides how an answer is chosen and where it ends. `generate_options` puts the parts together.
struct GenerateFlags {
  GenerateOptions options;
  int64_t top_k = 0;
  CLI::Option* stop = nullptr;
  CLI::Option* temperature = nullptr;
};
void add_generate_flags(CLI::App& command, GenerateFlags& flags);
GenerateOptions generate_options(const GenerateFlags& flags);

}  // namespace cobra
