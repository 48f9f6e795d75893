#include "data/stats.h"

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <numeric>

#include "base/fail.h"
#include "base/parallel.h"
#include "tokenizer/unicode_text.h"

namespace cobra::data {
namespace {

constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

/// What is measured of each example.
struct Lengths {
  std::vector<int64_t> turns, words, tokens, targets;

  explicit Lengths(size_t examples) : turns(examples), words(examples), tokens(examples), targets(examples) {}
};

int64_t count_words(const Example& example) {
  int64_t words = 0;
  for (const Turn& turn : example.turns) words += static_cast<int64_t>(python_split(turn.text).size());
  return words;
}

/// Tokens of the whole text, and targets within the first max_length of them.
void measure_tokens(const Example& example, const StatsOptions& options, size_t i, Lengths& lengths) {
  TokenizeOptions whole = options.tokenize;
  whole.max_length = kNoLimit;
  Tokenized tokenized = tokenize(example, *options.tokenizer, whole);
  lengths.tokens[i] = static_cast<int64_t>(tokenized.input_ids.size());
  const auto kept =
      std::min<size_t>(tokenized.labels.size(), static_cast<size_t>(options.tokenize.max_length));
  tokenized.labels.resize(kept);
  lengths.targets[i] = tokenized.valid_labels();
}

/// As measure_tokens; errors name the example.
void count_tokens(const ExampleFile& file, int64_t index, const Example& example, const StatsOptions& options,
                  Lengths& lengths) {
  try {
    measure_tokens(example, options, static_cast<size_t>(index), lengths);
  } catch (const Error& error) {
    fail("{}: {}", file.name(index), error.what());
  }
}

/// The pictures that examples show, each once, and how many show it.
class PictureUses {
 public:
  void add(const std::string& name) {
    const std::lock_guard lock(mutex_);
    ++uses_[name];
  }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, uses] : uses_) names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
  }
  int64_t of(const std::string& name) const { return uses_.at(name); }

 private:
  std::mutex mutex_;
  std::map<std::string, int64_t> uses_;
};

Lengths measure(const ExampleFile& file, const StatsOptions& options, PictureUses& pictures) {
  Lengths lengths(static_cast<size_t>(file.size()));
  std::mutex mutex;
  int64_t done = 0;
  parallel_for(options.threads, file.size(), [&](int64_t index, int) {
    const auto i = static_cast<size_t>(index);
    const Example example = file.example(index);
    lengths.turns[i] = static_cast<int64_t>(example.turns.size());
    lengths.words[i] = count_words(example);
    if (options.tokenizer) count_tokens(file, index, example, options, lengths);
    if (example.has_picture()) pictures.add(example.picture);
    const std::lock_guard lock(mutex);
    if (options.progress) options.progress(++done, file.size());
  });
  return lengths;
}

void add_tokens(Stats& stats, const Lengths& lengths, const StatsOptions& options) {
  stats.has_tokens = true;
  stats.tokens = distribution(lengths.tokens);
  stats.targets = distribution(lengths.targets);
  const int64_t limit = options.tokenize.max_length;
  stats.longer =
      std::count_if(lengths.tokens.begin(), lengths.tokens.end(), [=](int64_t n) { return n > limit; });
  stats.without_target = std::count(lengths.targets.begin(), lengths.targets.end(), 0);
}

void add_pictures(Stats& stats, const PictureUses& uses, const PictureCheck& check) {
  const std::vector<std::string> names = uses.names();
  stats.pictures = static_cast<int64_t>(names.size());
  if (!check.folder) return;
  const std::vector<PictureVerdict> verdicts = check_pictures(names, check);
  for (size_t i = 0; i < names.size(); ++i) {
    if (verdicts[i].state == PictureState::good) continue;
    auto& problems = verdicts[i].state == PictureState::missing ? stats.missing : stats.broken;
    problems.push_back({names[i], verdicts[i].reason, uses.of(names[i])});
  }
}

}  // namespace

Distribution distribution(std::vector<int64_t> values) {
  check(!values.empty(), "a distribution needs a value");
  std::sort(values.begin(), values.end());
  const auto percentile = [&](size_t percent) { return values[(values.size() * percent + 99) / 100 - 1]; };
  Distribution result{std::accumulate(values.begin(), values.end(), int64_t{0})};
  result.min = values.front();
  result.p50 = percentile(50);
  result.p90 = percentile(90);
  result.p99 = percentile(99);
  result.max = values.back();
  result.mean = static_cast<double>(result.total) / static_cast<double>(values.size());
  return result;
}

Stats dataset_stats(const std::string& path, const StatsOptions& options) {
  DatasetOptions dataset;
  dataset.stage = options.tokenize.stage;
  const ExampleFile file(path, dataset);
  PictureUses pictures;
  const Lengths lengths = measure(file, options, pictures);

  Stats stats;
  stats.examples = file.size();
  for (int64_t i = 0; i < file.size(); ++i) stats.with_picture += file.has_picture(i);
  stats.turns = distribution(lengths.turns);
  stats.words = distribution(lengths.words);
  if (options.tokenizer) add_tokens(stats, lengths, options);
  add_pictures(stats, pictures, options.pictures);
  stats.bad_examples = file.skipped();
  stats.bad_example_count = file.skipped_count();
  return stats;
}

}  // namespace cobra::data
