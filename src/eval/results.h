// Results: the official layout (results+rank-N.json) and the log that a run appends to (results.jsonl).
//
// A log is JSON lines in ASCII. The first is the header, each further one an answer:
//   {"cobra_results":1,"benchmark":"gqa","dataset":"gqa-full","questions":12578,"shard":"0/1", ...}
//   {"index":0,"id":"201000777","outputs":["a dog"]}
//   {"index":1,"id":"201000518","error":"download/gqa/images/n4.jpg: not a JPEG, PNG or WebP picture"}
// A run that is killed leaves at most one line without its end, which readers leave out and a resumed run
// overwrites. A header has no times and no paths, so two runs of the same are byte-identical.
#pragma once

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "eval/dataset.h"

namespace cobra::eval {

/// The answer to the question at `index` of the dataset's index.
struct Answer {
  int64_t index = 0;
  std::string id;
  std::vector<Json> outputs;  // empty where `error` says why
  std::string error;
};

struct ResultsLog {
  Json header;
  std::vector<Answer> answers;  // in the order of the file
};

/// Part `index` of `count` (0 <= index < count) of the pictures, with their questions.
struct Shard {
  int64_t index = 0;
  int64_t count = 1;
};
/// "0/4"; throws Error otherwise.
Shard parse_shard(std::string_view text);

/// A header with the fields that readers need; the caller adds what else must be equal to resume or merge
/// (model hash, prompt template, decoding, seed, version).
Json log_header(const Dataset& dataset, const Shard& shard);

/// Throws Error naming the line: not a log, an unknown version, a field of the wrong type, an id twice.
ResultsLog read_log(const std::string& path);

/// Appends to a log. Not for several threads at once.
class LogWriter {
 public:
  /// Starts a log (an existing file is replaced) or, with `resume` and an existing file, goes on with it: its
  /// header must equal `header`, and a line without an end is cut off. Throws Error otherwise, and when another
  /// writer has the file, which stays as it is.
  LogWriter(std::string path, const Json& header, bool resume);

  /// The answers that were there when the log was opened to resume.
  const std::vector<Answer>& earlier() const { return earlier_; }
  /// One line, handed to the system before it returns.
  void append(const Answer& answer);

 private:
  std::string path_;
  std::vector<Answer> earlier_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;

  void write(const std::string& line);
};

/// One log of all shards: headers equal but for the shard, shards 0..n-1 each once, every question once.
/// Answers are in index order, so the result does not depend on the number of shards.
ResultsLog merge_logs(const std::vector<std::string>& paths);
/// A log's text as LogWriter makes it.
std::string log_text(const ResultsLog& log);

/// Results to score, in the official form.
struct Results {
  std::string source;          // file or folder, for errors
  Json header;                 // of a log; null for official files
  std::vector<Entry> entries;  // ids are exactly those of the dataset
  int64_t failed = 0;          // answers that a log records as errors; they are scored wrong
  int64_t repeated = 0;        // answers replaced by those of a later rank (the official sampler pads)
};

/// Reads `path`: a log, an official file, a folder with results+rank-N.json or logs, or a folder above it:
/// results/, results/<family>/, results/<family>/<dataset>/, with one model. Throws Error that says what was
/// looked for, or which ids are missing.
Results read_results(const std::string& path, const Dataset& dataset);
/// The same of given files: all logs (.jsonl) or all official.
Results read_results(const std::vector<std::string>& files, const Dataset& dataset);

/// Fails unless the dataset's annotations had one entry for each of the results.
void check_annotated(int64_t annotated, const Results& results, const Dataset& dataset);

/// The entries by id; the results must outlive it.
ById results_by_id(const Results& results);

/// The official form of one answer of a log; `source` names the log in errors.
Json official_result(const Answer& answer, const Dataset& dataset, const std::string& source);
/// The official form of a log: what the harness writes as results+rank-0.json.
Json official_results(const ResultsLog& log, const Dataset& dataset);

}  // namespace cobra::eval
