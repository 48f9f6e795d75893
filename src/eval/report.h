// The report of a run: the paper's tables beside its numbers, breakdowns, a gallery, qualitative cases.
//
//   RESULTS -> report_inputs -> report_section (score, examples) -> Report -> html / markdown
//
// Nothing in a report depends on time, place or threads: the same input, the same bytes.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "eval/benchmark.h"

namespace cobra::eval {

/// Results of one benchmark by one model.
struct ReportInput {
  const Benchmark* benchmark;
  std::string dataset;  // id; "": full
  std::string path;     // for read_results
  std::string model;    // name of the model; "" where nothing tells it
};

/// What `path` means: a results log, "B=PATH" with anything that `cobra eval score` takes, or a folder of
/// the official layout (results/, results/B/, results/B/B-full/, a model's folder, or one above results/).
/// Throws Error when it cannot tell.
std::vector<ReportInput> report_inputs(const std::string& path);

/// A box as RefCOCO has it: x1, y1, x2, y2 as parts of the picture, 0 to 1.
using ReportBox = std::array<double, 4>;

/// One question of the gallery, or one qualitative case.
struct ReportExample {
  std::string id;        // of a question; of a case: its title
  std::string kind;      // of a case: "illusion"
  std::string picture;   // as the index or the file of cases names it
  std::string data_uri;  // of the thumbnail; empty: `no_picture` says why
  std::string no_picture;
  std::string question;
  std::string truth;
  struct Reply {
    std::string who;
    std::string text;
  };
  std::vector<Reply> replies;
  double score = 0;
  std::vector<ReportBox> true_boxes;
  std::vector<ReportBox> answered_boxes;
};

struct ReportSection {
  const Benchmark* benchmark;
  std::string dataset;
  std::string model;
  int64_t questions = 0;
  int64_t failed = 0;
  Json header;  // of a log; null for official files
  Json summary;
  std::vector<Breakdown> breakdowns;
  std::vector<ReportExample> right, wrong;
};

struct Report {
  std::vector<ReportSection> sections;  // in the order of the paper's tables
  std::vector<ReportExample> cases;
};

/// Scores `input` and chooses up to `gallery` right and as many wrong answers, spread evenly over the
/// results. A picture that cannot be read is said to be missing. Throws Error as read_results and score do.
ReportSection report_section(const ReportInput& input, const std::string& data, int64_t gallery);

/// Models of one name, as those of one preset have, get their fingerprints behind it.
void tell_models_apart(Report& report);

/// Reads a JSON file of qualitative cases: an array of objects with "title", "question" and optionally
/// "kind", "image" (relative to the file), "expected", "answers" (an object: who -> text).
std::vector<ReportExample> read_cases(const std::string& path);

/// Fills `data_uri` or `no_picture` from a picture file.
void add_thumbnail(ReportExample& example, const std::string& file);

/// A number of a run in a table of the paper.
struct ReportCell {
  double percent;  // NaN: the run has none
  std::string dataset;
  int64_t questions = 0;
};
struct ReportRow {
  std::string model;
  std::vector<ReportCell> cells;  // one for each column
};
struct PaperTable;
/// The run's rows beside a table's: one for each model, none where it has no number of the table.
std::vector<ReportRow> rows_of(const Report& report, const PaperTable& table);

/// The number of a summary, or NaN.
double summary_number(const Json& summary, const std::string& name);

/// One self-contained page.
std::string report_html(const Report& report);
std::string report_markdown(const Report& report);

}  // namespace cobra::eval
