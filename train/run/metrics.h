// What a run reports of each update: a line of JSON in metrics.jsonl, and the chart made from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/json.h"

namespace cobra::train {

struct StepMetrics {
  int64_t step = 0;  // updates done, from 1
  double epoch = 0;
  double loss = 0;  // mean over the valid labels of all micro-batches and ranks; 0 of none
  double learning_rate = 0;
  double grad_norm = 0;  // before clipping
  int64_t valid_labels = 0;
  int64_t tokens = 0;
  double tokens_per_second = 0;
};
Json to_json(const StepMetrics& metrics);

/// Appends lines; each is on the disk's way when `add` returns.
class MetricsFile {
 public:
  /// Keeps the lines of the first `steps` updates of a file that exists and drops what follows (updates that
  /// a resumed run makes again).
  MetricsFile(const std::string& path, int64_t steps);
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

  void add(const StepMetrics& metrics);
  /// Waits until all lines are on the disk: a checkpoint goes on only from a file that has its updates'
  /// lines.
  void flush();
  /// All losses so far, in order, as loss_chart takes them: not a number where no label counted.
  const std::vector<double>& losses() const { return losses_; }

 private:
  std::string path_;
  int fd_ = -1;
  std::vector<double> losses_;
};

}  // namespace cobra::train
