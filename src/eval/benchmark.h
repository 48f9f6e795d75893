// What a benchmark is: its files, its questions, its results as the official harness writes them, its score.
// Source: the evaluation harness of Cobra (h-zhao1997/vlm-evaluation) and the benchmarks' own scorers.
// One source file in benchmarks/ for each family; everything else in this room treats them alike.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/json.h"

namespace cobra::eval {

/// An id and what belongs to it; ids are decimal numbers written as text, as in the official files.
struct Entry {
  std::string id;
  Json value;
};

/// One prompt of a question.
struct Ask {
  std::string output;   // the field of the official result that takes the answer, "model_output"
  std::string message;  // the human turn, for the model's prompt template (tokenizer/prompt.h)
};

/// One question about one picture. TextVQA asks it twice: with and without the OCR tokens.
struct Question {
  std::string id;
  std::string picture;  // relative to the data root: "download/gqa/images/n1.jpg"
  std::vector<Ask> asks;
};

/// A number of a breakdown, in the unit of the benchmark's official score; NaN where it is undefined.
struct Row {
  std::string label;
  double value;
  int64_t questions;
};
struct Breakdown {
  std::string name;
  std::vector<Row> rows;
};
struct QuestionScore {
  std::string id;
  double score;  // 0 to 1
  Json detail;   // the normal form of the answer and what it was compared with
};
struct Score {
  Json summary;  // the official scorer's names, order and numbers (null: undefined)
  std::vector<Breakdown> breakdowns;
  std::vector<QuestionScore> questions;
};

/// A file to write: its name and its text.
struct OutputFile {
  std::string name;
  std::string text;
};

/// The official downloads of one family.
struct Downloads {
  std::string folder;  // that holds them: root/download/gqa
  std::string prefix;  // of picture paths: "download/gqa/"

  /// The file of a picture path of the index.
  std::string picture_file(const std::string& picture) const {
    return folder + "/" + picture.substr(prefix.size());
  }
};

/// What the downloads hold, in their order.
struct IndexSource {
  std::vector<Entry> entries;
  /// The questions and answers in the benchmark's own format, for the questions `ids` (in index order) of the
  /// dataset with this suffix ("-full", "-slim-1024"); nullptr where the official builder writes none.
  std::function<std::vector<OutputFile>(const std::vector<std::string>& ids, const std::string& suffix)>
      official_files;
  std::vector<std::string> warnings;
};

struct BenchmarkInfo {
  std::string family;              // the official name: "vqa-v2"
  std::string title;               // "VQA-v2"
  std::string full_index;          // "metadata.json" or "metadata-full.json"
  std::string annotations_stem{};  // "annotations-vqa-v2" of the file the scorer reads; "": the index itself
  std::string id_field;            // of an index entry and of a result
  std::vector<std::string> answers{};  // closed set: strings whose probabilities are asked; empty: generate
  std::string answers_field{};         // closed set: the result's field for the probabilities
  std::string group_field{};           // slim sets take as many of each value of this field; "": none
  std::vector<std::string> downloads;  // files below the download folder
  std::string pictures{};              // folder of the pictures below the download folder; "": that folder
  std::vector<int64_t> slim_sizes{};   // of the official dataset ids
  std::string headline;                // the number of the summary that stands for the benchmark
  double headline_scale = 1;           // to percent
};

/// Official decoding of open answers: greedy, at most this many tokens.
constexpr int64_t kMaxNewTokens = 128;

struct Dataset;  // eval/dataset.h
struct Results;  // eval/results.h

/// All functions may be called from any thread, and throw Error naming the file, the question and the field.
class Benchmark {
 public:
  explicit Benchmark(BenchmarkInfo info) : info_(std::move(info)) {}
  virtual ~Benchmark() = default;
  const BenchmarkInfo& info() const { return info_; }
  bool closed_set() const { return !info_.answers.empty(); }
  /// The field of a result that takes the answer, where there is one ask.
  std::string output_field() const { return closed_set() ? info_.answers_field : "model_output"; }
  /// "download/gqa/images/n1.jpg": a picture relative to the data root.
  std::string picture_path(std::string_view name) const;

  /// Reads the downloads, all of which exist (pictures may be missing).
  virtual IndexSource read_downloads(const Downloads& downloads) const = 0;
  /// The prompts of an index entry; `place` begins errors about it. Unless a benchmark says otherwise: its
  /// field "question", to be answered shortly.
  virtual std::vector<Ask> asks(const Json& entry, const std::string& place) const;
  /// The official result of an index entry. `outputs` has one for each ask: a string, or for a closed set the
  /// array of the answers' probabilities. Unless a benchmark says otherwise: the id, "question", the output
  /// and the index entry's "answer".
  virtual Json result(const Json& entry, const std::vector<Json>& outputs, const std::string& place) const;
  /// The outputs that stand for an answer which could not be made (a broken picture); they are scored wrong.
  virtual std::vector<Json> failed_outputs(const Json& entry, const std::string& place) const;
  /// The official score. QuestionScore::detail is filled only `with_detail`.
  virtual Score score(const Dataset& dataset, const Results& results, bool with_detail) const = 0;
  /// What the official scorer leaves beside the results for leaderboards.
  virtual std::vector<OutputFile> leaderboard_files(const Dataset& dataset, const Results& results) const;

 private:
  BenchmarkInfo info_;
};

/// All benchmarks, in the order of the paper's tables.
const std::vector<const Benchmark*>& benchmarks();
/// Throws Error with the known names.
const Benchmark& find_benchmark(std::string_view family);

}  // namespace cobra::eval
