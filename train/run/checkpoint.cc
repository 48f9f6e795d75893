#include "train/run/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <exception>
#include <filesystem>
#include <set>

#include "base/fail.h"
#include "base/file.h"
#include "base/hash.h"
#include "cli/output.h"
#include "formats/safetensors.h"
#include "train/distributed/shards.h"
#include "train/model/save.h"
#include "train/run/start.h"

namespace cobra::train {
namespace {

namespace fs = std::filesystem;
using Tensors = std::vector<std::pair<std::string, Tensor>>;

constexpr std::string_view kPrefix = "step-", kTemporary = "unfinished-";
constexpr const char* kParameters = "parameters.safetensors";
constexpr std::string_view kOptimizer = "optimizer-";  // one file for each rank that wrote
constexpr const char* kState = "state.json";
constexpr const char *kExamplesField = "examples", *kModelField = "model", *kRecipeField = "recipe",
                     *kFilesField = "files";

/// A folder's entries are on the disk only when the folder is flushed too.
void flush_folder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool flushed = fd >= 0 && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  check(flushed, "{}: cannot flush to disk: {}", path, std::strerror(error));
}

Tensors parameter_tensors(const Trainer& trainer) {
  Tensors tensors;
  for (const Parameter& parameter : trainer.parameters())
    tensors.emplace_back(parameter.name, parameter.value);
  return tensors;
}

Tensor steps_tensor(int64_t steps) { return torch::full({1}, steps, torch::kInt64); }

/// This rank's part of the optimiser's state, or room for that of rank `owner`.
Tensors optimizer_tensors(const Trainer& trainer, int owner) {
  const Optimizer& optimizer = trainer.optimizer();
  const bool own = owner == trainer.ranks().rank();
  const auto parameters =
      own ? optimizer.parameters() : owned_by(trainer.parameters(), trainer.ranks().count(), owner);
  Tensors tensors;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const std::string& name = parameters[i].name;
    const Tensor value = parameters[i].value.detach();
    tensors.emplace_back("exp_avg." + name, own ? optimizer.moments()[i].exp_avg : torch::empty_like(value));
    tensors.emplace_back("exp_avg_sq." + name,
                         own ? optimizer.moments()[i].exp_avg_sq : torch::empty_like(value));
    tensors.emplace_back("steps." + name, steps_tensor(own ? optimizer.moments()[i].steps : 0));
  }
  return tensors;
}

/// The state of rank `owner`, on every rank.
Tensors gather_optimizer(const Trainer& trainer, int owner) {
  Tensors tensors = optimizer_tensors(trainer, owner);
  std::vector<Tensor> values, counts;
  for (auto& [name, tensor] : tensors) {
    (tensor.scalar_type() == torch::kInt64 ? counts : values).push_back(tensor);
  }
  trainer.ranks().broadcast(values, owner);
  trainer.ranks().broadcast(counts, owner);
  return tensors;
}

/// Tensors of a file by name. In memory is one at a time: all moments are twice the model.
class TensorsOfFile {
 public:
  explicit TensorsOfFile(const std::string& path) : file_(path) {}
  void copy_to(Tensor target, const std::string& name) {
    const TensorEntry* found = file_.find(name);
    check(found != nullptr, "{}: tensor '{}' is missing", file_.path(), name);
    const Tensor source = to_tensor(*found, file_.path());
    check(source.sizes() == target.sizes() && source.scalar_type() == target.scalar_type(),
          "{}: tensor '{}': expected {}, found {}", file_.path(), name, describe(target), describe(source));
    target.copy_(source);
    taken_.insert(name);
  }
  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  void check_all_taken() const {
    for (const TensorEntry& tensor : file_.tensors()) {
      check(taken_.contains(tensor.name), "{}: tensor '{}' is unexpected", file_.path(),
            printable(tensor.name));
    }
  }

 private:
  SafetensorsFile file_;
  std::set<std::string> taken_;
};

void load_parameters_of(Trainer& trainer, const std::string& path) {
  TensorsOfFile file(path);
  for (const Parameter& parameter : trainer.parameters()) file.copy_to(parameter.value, parameter.name);
  file.check_all_taken();
}

/// A gradient that was once made stays (as zeros), and then its parameter is updated even in steps that do
/// not reach it.
void restore_gradient(const Parameter& parameter, int64_t steps) {
  Tensor value = parameter.value;
  if (steps > 0) value.mutable_grad() = torch::zeros_like(value);
}

/// What one of the files has of this rank's part; returns how many parameters that was.
size_t load_optimizer(Trainer& trainer, const std::string& path) {
  Optimizer& optimizer = trainer.optimizer();
  TensorsOfFile file(path);
  size_t loaded = 0;
  for (const Parameter& parameter : trainer.parameters()) {
    if (!file.has("steps." + parameter.name)) continue;
    const Tensor steps = steps_tensor(0);
    file.copy_to(steps, "steps." + parameter.name);
    restore_gradient(parameter, steps.item<int64_t>());
  }
  for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
    const std::string& name = optimizer.parameters()[i].name;
    Moments& moments = optimizer.moments()[i];
    if (!file.has("exp_avg." + name)) continue;
    const Tensor steps = steps_tensor(0);
    file.copy_to(moments.exp_avg, "exp_avg." + name);
    file.copy_to(moments.exp_avg_sq, "exp_avg_sq." + name);
    file.copy_to(steps, "steps." + name);
    moments.steps = steps.item<int64_t>();
    ++loaded;
  }
  return loaded;
}

void load_optimizers(Trainer& trainer, const std::string& folder) {
  size_t loaded = 0;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with(kOptimizer)) {
      loaded += load_optimizer(trainer, entry.path().string());
    }
  }
  check(loaded == trainer.optimizer().parameters().size(),
        "{}: expected the optimiser's state of {} parameters, found that of {}", folder,
        trainer.optimizer().parameters().size(), loaded);
}

/// The step of "step-00000500", or nothing.
std::optional<int64_t> step_of(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  int64_t step = 0;
  const char *begin = name.data() + kPrefix.size(), *end = name.data() + name.size();
  const auto read = std::from_chars(begin, end, step);
  if (begin == end || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return step;
}

std::vector<int64_t> steps_in(const std::string& folder) {
  std::vector<int64_t> steps;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (const auto step = step_of(entry.path().filename().string())) steps.push_back(*step);
  }
  std::ranges::sort(steps);
  return steps;
}

/// Does one thing after the other until one fails: ranks go on talking to each other all the same.
class Attempt {
 public:
  template <class Body>
  void operator()(const Body& body) {
    if (failure_) return;
    try {
      body();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }
  void end() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::exception_ptr failure_;
};

/// What a run that died or a full disk left.
void remove_unfinished(const std::string& folder) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    std::error_code ignored;
    if (entry.path().filename().string().starts_with(kTemporary)) fs::remove_all(entry.path(), ignored);
  }
}

/// The hash of each file that a folder holds, by name.
Json hashes_of_files(const std::string& folder) {
  Json hashes = Json::object();
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    hashes[entry.path().filename().string()] = hash_of_file(entry.path().string());
  return hashes;
}

void check_files(const Json& state, const std::string& folder) {
  const Json* hashes = json_find(state, kFilesField);
  if (!hashes) return;  // of an earlier version
  check(hashes->is_object(), "{}/{}: field '{}' must be an object", folder, kState, kFilesField);
  for (const auto& [name, hash] : hashes->items()) {
    const std::string path = folder + "/" + name;
    check(hash == hash_of_file(path), "{}: damaged: its hash is not that which {} has", path, kState);
  }
}

}  // namespace

std::string Checkpoints::path(int64_t step) const {
  return fmt::format("{}/{}{:08}", folder_, kPrefix, step);
}

void Checkpoints::save(const Trainer& trainer, int64_t step, const Origin& origin) const {
  if (fs::exists(path(step))) return;
  if (!trainer.ranks().is_first()) {
    for (int owner = 0; owner < trainer.ranks().count(); ++owner) gather_optimizer(trainer, owner);
    return;
  }
  remove_unfinished(folder_);
  const std::string temporary = fmt::format("{}/{}{:08}", folder_, kTemporary, step);
  std::error_code error;
  try {
    write(trainer, step, origin, temporary);
  } catch (...) {
    fs::remove_all(temporary, error);
    throw;
  }
  fs::rename(temporary, path(step), error);
  check(!error, "{}: cannot be named: {}", path(step), error.message());
  flush_folder(folder_);
  remove_old();
}

void Checkpoints::write(const Trainer& trainer, int64_t step, const Origin& origin,
                        const std::string& folder) const {
  Attempt attempt;
  attempt([&] {
    ensure_folder(folder);
    write_tensor_file(folder + "/" + kParameters, parameter_tensors(trainer));
  });
  for (int owner = 0; owner < trainer.ranks().count(); ++owner) {
    const Tensors state = gather_optimizer(trainer, owner);
    attempt([&] { write_tensor_file(fmt::format("{}/{}{}.safetensors", folder, kOptimizer, owner), state); });
  }
  attempt([&] {
    write_file(folder + "/" + kState, json_line({{"step", step},
                                                 {kExamplesField, origin.examples},
                                                 {kModelField, origin.model},
                                                 {kRecipeField, origin.recipe},
                                                 {kFilesField, hashes_of_files(folder)}}));
    flush_folder(folder);
  });
  attempt.end();
}

void Checkpoints::remove_old() const {
  std::vector<int64_t> steps = steps_in(folder_);
  for (size_t i = 0; i + static_cast<size_t>(keep_) < steps.size(); ++i) {
    // Renamed first, so that no half of a checkpoint ever has a checkpoint's name.
    const std::string going = fmt::format("{}/{}{:08}", folder_, kTemporary, steps[i]);
    std::error_code error;
    fs::rename(path(steps[i]), going, error);
    if (!error) fs::remove_all(going, error);
  }
}

std::optional<int64_t> Checkpoints::latest() const {
  const std::vector<int64_t> steps = steps_in(folder_);
  if (steps.empty()) return std::nullopt;
  return steps.back();
}

void Checkpoints::load(int64_t step, Trainer& trainer, const Origin& origin) const {
  const std::string folder = path(step), state = folder + "/" + kState;
  const Json json = read_json(state);
  const int64_t found = json_integer(json, "step", state);
  check(found == step, "{}: field 'step' must be {}, found {}", state, step, found);
  check(json_text(json, kExamplesField, state, origin.examples) == origin.examples,
        "{}: the run began with other examples: the data file has changed, or pictures came or went", state);
  check(json_text(json, kModelField, state, origin.model) == origin.model,
        "{}: the run began with another model: its configuration, tokenizer or what does not learn differs",
        state);
  check(json_text(json, kRecipeField, state, origin.recipe) == origin.recipe,
        "{}: the run began with another recipe: {} has changed since", state, kRecipeFile);
  check_files(json, folder);
  const NoGradGuard no_grad;
  load_parameters_of(trainer, folder + "/" + kParameters);
  load_optimizers(trainer, folder);
}

}  // namespace cobra::train
