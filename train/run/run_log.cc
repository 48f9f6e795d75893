#include "train/run/run_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>

#include "base/fail.h"
#include "cli/output.h"

namespace cobra::train {
namespace {

constexpr int kBarWidth = 20;
constexpr std::chrono::milliseconds kPaintEvery{200};
constexpr std::chrono::seconds kTellEvery{10};

std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%F %T", &local)};
}

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

std::string duration_text(double seconds) {
  const auto s = static_cast<int64_t>(std::llround(seconds));
  if (s >= 3600) return fmt::format("{} h {} min", s / 3600, s % 3600 / 60);
  if (s >= 60) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} s", s);
}

RunLog::RunLog(std::string path, int64_t total_steps)
    : total_steps_(total_steps), terminal_(!path.empty() && ::isatty(STDERR_FILENO) != 0) {
  if (path.empty()) return;
  fd_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  check(fd_ >= 0, "{}: cannot open: {}", path, std::strerror(errno));
}

RunLog::~RunLog() {
  erase();
  if (fd_ >= 0) ::close(fd_);
}

void RunLog::erase() {
  if (shown_) say("\r\033[K");
  shown_ = false;
}

void RunLog::line(std::string_view text) {
  if (fd_ < 0) return;
  erase();
  say(fmt::format("{}\n", text));
  const std::string logged = fmt::format("{}  {}\n", time_of_day(), text);
  if (::write(fd_, logged.data(), logged.size()) < 0) return;  // a log is no reason to stop the work
}

std::string RunLog::text(const StepMetrics& m) const {
  const double per_step =
      seconds_between(start_, told_) / static_cast<double>(std::max<int64_t>(1, m.step - first_step_));
  return fmt::format(
      "step {}/{}  epoch {:.2f}  loss {:.4f}  lr {:.2e}  {:.0f} tokens/s  {} left", m.step, total_steps_,
      m.epoch, m.loss, m.learning_rate, m.tokens_per_second,
      m.step == first_step_ ? "?" : duration_text(per_step * static_cast<double>(total_steps_ - m.step)));
}

void RunLog::step(const StepMetrics& m) {
  if (fd_ < 0) return;
  const Clock::time_point now = Clock::now();
  const bool first = first_step_ < 0;
  if (first) {
    first_step_ = m.step;
    start_ = now;
  }
  const bool due =
      first || now - told_ >= (terminal_ ? Clock::duration(kPaintEvery) : Clock::duration(kTellEvery));
  if (!due) return;
  told_ = now;
  if (!terminal_) return line(text(m));
  const int filled = static_cast<int>(m.step * kBarWidth / std::max<int64_t>(1, total_steps_));
  say(fmt::format("\r\033[K[{:=<{}}{: <{}}] {}", "", filled, "", kBarWidth - filled, text(m)));
  shown_ = true;
}

}  // namespace cobra::train
