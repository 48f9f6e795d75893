#include "train/run/metrics.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <sstream>

#include "base/fail.h"
#include "base/file.h"
#include "cli/output.h"

namespace cobra::train {
namespace {

constexpr int64_t kMaxMetricsBytes = int64_t{4} << 30;

/// What is drawn of an update: not a number, which the chart leaves out, where no label counted.
double drawn(double loss, double valid_labels) {
  return valid_labels > 0 ? loss : std::numeric_limits<double>::quiet_NaN();
}

/// The whole lines of the first `steps` updates. A last line without its end was being written when the run
/// died.
std::string kept_lines(const std::string& path, int64_t steps, std::vector<double>& losses) {
  std::istringstream lines(read_file(path, kMaxMetricsBytes));
  std::string kept;
  for (std::string line; static_cast<int64_t>(losses.size()) < steps && std::getline(lines, line);) {
    if (lines.eof()) break;
    const Json update = parse_json(line, path);
    losses.push_back(drawn(json_number(update, "loss", path), json_number(update, "valid_labels", path)));
    kept += line + '\n';
  }
  check(static_cast<int64_t>(losses.size()) == steps, "{}: expected the lines of {} updates, found {}", path,
        steps, losses.size());
  return kept;
}

}  // namespace

Json to_json(const StepMetrics& m) {
  return {{"step", m.step},           {"epoch", m.epoch},
          {"loss", m.loss},           {"learning_rate", m.learning_rate},
          {"grad_norm", m.grad_norm}, {"valid_labels", m.valid_labels},
          {"tokens", m.tokens},       {"tokens_per_second", m.tokens_per_second}};
}

MetricsFile::MetricsFile(const std::string& path, int64_t steps) : path_(path) {
  const bool old = std::filesystem::exists(path);
  check(old || steps == 0, "{}: no such file, but the run has made {} updates", path, steps);
  write_file(path, old ? kept_lines(path, steps, losses_) : "");
  fd_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  check(fd_ >= 0, "{}: cannot open: {}", path, std::strerror(errno));
}

MetricsFile::~MetricsFile() { ::close(fd_); }

void MetricsFile::flush() { check(::fsync(fd_) == 0, "{}: cannot write: {}", path_, std::strerror(errno)); }

void MetricsFile::add(const StepMetrics& metrics) {
  const std::string line = json_line(to_json(metrics));
  const ssize_t written = ::write(fd_, line.data(), line.size());
  check(written == static_cast<ssize_t>(line.size()), "{}: cannot write: {}", path_,
        written < 0 ? std::strerror(errno) : "the disk is full");
  losses_.push_back(drawn(metrics.loss, static_cast<double>(metrics.valid_labels)));
}

}  // namespace cobra::train
