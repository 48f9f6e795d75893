// A run of a model over a dataset: questions in, a results log and the official results file out.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cobra/model.h"
#include "eval/results.h"

namespace cobra::eval {

struct GenerateRun {
  std::string log_path;       // results log; see results.h
  std::string official_path;  // results+rank-N.json
  std::string version;        // of the program, for the header
  Shard shard = {};           // of the pictures: a picture's questions stay together
  bool limited = false;       // the dataset was cut; the header says so
  bool resume = false;        // go on with an existing log
  int64_t batch = 16;         // prompts that are read, and answers that are decoded, together
  bool sharing = true;        // false: every prompt reads its picture anew, alone
  bool blind = false;         // every picture is replaced by a grey one of its size
  std::function<void(int64_t done, int64_t total)> progress = {};  // questions of this run
};

struct GenerateCounts {
  int64_t questions = 0;    // in the log at the end
  int64_t earlier = 0;      // of these were there before
  int64_t failed = 0;       // have an error instead of an answer
  int64_t cut_prompts = 0;  // longer than the official tokenizers take
  std::string first_error;
};

/// Answers the questions of a shard. A picture is read once and its session forked for each of its questions;
/// the answers are the same bits for every `batch` and for both kinds of `sharing`. Answers are appended as
/// they come; the finished log is in index order, so it depends on neither. Pictures that cannot be read
/// become errors in the log. Throws Error for a model without towers or tokenizer, an answer of a closed set
/// that is not one token, or a log that cannot be written or resumed.
GenerateCounts generate_results(const Dataset& dataset, const Model& model, const GenerateRun& run);

}  // namespace cobra::eval
