// Where the time of a step goes. Recording is on while a Profile lives; the timers cost nothing worth naming
// otherwise.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

namespace cobra::train {

enum class Section { products, scan, convolution, kSections };

class Profile {
 public:
  Profile() : previous_(current_) { current_ = this; }
  ~Profile() { current_ = previous_; }
  Profile(const Profile&) = delete;
  Profile& operator=(const Profile&) = delete;

  double seconds(Section section) const { return seconds_[static_cast<size_t>(section)]; }
  /// Multiplications and additions of the products in bf16.
  double product_operations = 0;

  /// The one that records, or nullptr. A plain global: autograd runs a CPU's backward functions on the
  /// calling thread, and a context could not be handed through libtorch to them.
  static Profile* current() { return current_; }

 private:
  friend class SectionTimer;
  std::array<double, static_cast<size_t>(Section::kSections)> seconds_{};
  Profile* previous_;
  static inline Profile* current_ = nullptr;
};

/// Adds its lifetime to a section.
class SectionTimer {
 public:
  explicit SectionTimer(Section section) : section_(section) {}
  ~SectionTimer() {
    if (Profile* profile = Profile::current()) {
      profile->seconds_[static_cast<size_t>(section_)] +=
          std::chrono::duration<double>(Clock::now() - start_).count();
    }
  }
  SectionTimer(const SectionTimer&) = delete;
  SectionTimer& operator=(const SectionTimer&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  Section section_;
  Clock::time_point start_ = Clock::now();
};

}  // namespace cobra::train
