// What the commands that write a model file share: --type, -o and --threads, progress, and a closing line.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "model/tensor_output.h"

namespace cobra {

struct OutputModelFlags {
  std::string type;
  std::string path;
  int64_t threads = 0;
};

/// `types` are the names that --type takes; the flag is required when `flags.type` is empty, else that is the
/// default.
void add_output_model_flags(CLI::App& command, OutputModelFlags& flags,
                            const std::vector<std::string>& types);

/// The types that a model is made with: f32, f16, bf16, q8_0, q4_0, q4_k.
const std::vector<std::string>& model_types();

/// What the flags say, ready for the functions of the model room.
struct OutputModel {
  DType type;
  std::string path;
  int threads;
  Progress progress;
};

/// Runs `write` with a progress line on a terminal and says what was written on stderr.
void write_model(const std::string& label, const OutputModelFlags& flags,
                 const std::function<void(const OutputModel&)>& write);

/// "3.81 GB", "12.4 MB", "980 bytes"; decimal units.
std::string human_bytes(int64_t bytes);

}  // namespace cobra
