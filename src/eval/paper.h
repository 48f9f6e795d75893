// The numbers of the Cobra paper that stand beside a run's own. Source: Zhao et al., "Cobra: Extending Mamba
// to Multi-Modal Large Language Model for Efficient Inference", arXiv 2403.14520, tables 2, 3 and 4.
#pragma once

#include <string>
#include <vector>

namespace cobra::eval {

/// Where all of these are from.
constexpr const char* kPaper = "arXiv 2403.14520";

/// A column of a table of scores: the benchmark's family and the number of its official summary.
struct PaperColumn {
  std::string title;   // "VSR"
  std::string family;  // "vsr"
  std::string number;  // "accuracy__VSR-ExactMatch"
  double scale;        // from the summary to percent
  std::string part{};  // label of the breakdown's row that counts its questions; "": it is of all of them
};
struct PaperRow {
  std::string model;
  std::vector<double> values;  // percent, one for each column; NaN where the paper has none
};
struct PaperTable {
  std::string title;
  std::string source;  // "Table 2"
  std::vector<PaperColumn> columns;
  std::vector<PaperRow> rows;
};

/// Open and closed-set benchmarks, grounding, and TextVQA's OCR tokens.
const std::vector<PaperTable>& paper_tables();

/// Table 3: 256 new tokens about one picture; tokens/s is 256 / total time, encoding and prefill included.
struct PaperSpeed {
  std::string model;
  double tokens_per_second;
  double total_s;
  int visual_tokens;
};
constexpr const char* kPaperHardware = "one NVIDIA A100 PCIe 80GB";
const std::vector<PaperSpeed>& paper_speeds();

}  // namespace cobra::eval
