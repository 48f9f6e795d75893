#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace cobra {
namespace {

constexpr std::string_view kEraseLine = "\r\033[K";
constexpr int kBarWidth = 30;

/// A line that cannot be shown is no reason to stop the work.
void show(int fd, std::string_view text) {
  if (::write(fd, text.data(), text.size()) < 0) return;
}

/// "40 s", "12 min", "3.5 h".
std::string duration_text(double seconds) {
  if (seconds < 120) return fmt::format("{:.0f} s", seconds);
  return seconds < 7200 ? fmt::format("{:.0f} min", seconds / 60) : fmt::format("{:.1f} h", seconds / 3600);
}

}  // namespace

ProgressLine::ProgressLine(std::string label, Display display) : label_(std::move(label)), display_(display) {
  if (::isatty(display_.fd) != 0) painter_ = std::thread([this] { paint_until_finished(); });
}

void ProgressLine::finish() {
  if (!painter_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
  }
  finished_changed_.notify_one();
  painter_.join();
}

void ProgressLine::paint_until_finished() {
  std::unique_lock lock(mutex_);
  const auto finished = [this] { return finished_; };
  if (finished_changed_.wait_for(lock, display_.delay, finished)) return;
  do {
    show(display_.fd, fmt::format("{}{}", kEraseLine, line()));
  } while (!finished_changed_.wait_for(lock, display_.interval, finished));
  show(display_.fd, kEraseLine);
}

std::string ProgressLine::line() const {
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const int64_t total = total_;
  if (total <= 0) return fmt::format("{} ... {:.0f} s", label_, seconds);
  const double part = std::clamp(static_cast<double>(done_.load()) / static_cast<double>(total), 0.0, 1.0);
  const int filled = static_cast<int>(part * kBarWidth);
  const std::string left = part > 0 ? fmt::format(", {} left", duration_text(seconds / part - seconds)) : "";
  return fmt::format("{} [{:=<{}}{: <{}}] {:.0f} % {}{}", label_, "", filled, "", kBarWidth - filled,
                     part * 100, duration_text(seconds), left);
}

}  // namespace cobra
