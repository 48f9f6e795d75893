// What a LLaVA-format training file holds, before a run spends days on it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/picture_check.h"
#include "data/tokenize.h"

namespace cobra::data {

/// Of one number per example. Percentiles are values that occur: the smallest with at least that part of the
/// examples at or below it.
struct Distribution {
  int64_t total = 0;
  int64_t min = 0, p50 = 0, p90 = 0, p99 = 0, max = 0;
  double mean = 0;
};
/// Of at least one value.
Distribution distribution(std::vector<int64_t> values);

struct StatsOptions {
  const Tokenizer* tokenizer = nullptr;  // nullptr: tokens are not counted
  TokenizeOptions tokenize;              // its max_length is what `longer` counts against
  PictureCheck pictures;                 // its folder may be nullptr: pictures are not looked for
  int threads = 1;
  Progress progress;  // of reading
};

struct PictureProblem {
  std::string picture;
  std::string reason;
  int64_t examples = 0;  // that show it
};

struct Stats {
  int64_t examples = 0;
  int64_t with_picture = 0;
  int64_t pictures = 0;  // different ones
  Distribution turns;
  Distribution words;  // separated by white space, as the official sampler measures length

  bool has_tokens = false;
  Distribution tokens;   // of text, before it is cut to max_length
  Distribution targets;  // tokens that count in the loss, after it
  int64_t longer = 0;    // examples cut to max_length
  int64_t without_target = 0;

  std::vector<Skipped> bad_examples;  // the first ExampleFile::kMaxListed
  int64_t bad_example_count = 0;
  std::vector<PictureProblem> missing, broken;  // all
};

/// Bad examples are listed and take no other part. Throws Error naming the file when it is no JSON array or
/// has no good example.
Stats dataset_stats(const std::string& path, const StatsOptions& options);

}  // namespace cobra::data
