#include "train/optim/schedule.h"

#include "train/testing/reference_training.h"

namespace cobra::train::testing {
namespace {

TEST(ScheduleTest, RatesAreTheOfficialOnes) {
  const ReferenceTraining reference;
  ASSERT_FALSE(reference.json()["lr_schedule"].empty());
  for (const auto& [name, expected] : reference.json()["lr_schedule"].items()) {
    const Schedule schedule{expected["peak"], expected["total_steps"], expected["warmup_steps"]};
    for (int64_t step = 0; step < schedule.total_steps; ++step) {
      const auto i = static_cast<size_t>(step);
      const double tolerance = 1e-12 * schedule.peak;
      EXPECT_NEAR(schedule.used(step), expected["lr_used_by_step"][i].get<double>(), tolerance)
          << name << step;
      EXPECT_NEAR(schedule.logged(step), expected["lr_logged_after_step"][i].get<double>(), tolerance)
          << name << step;
    }
  }
}

TEST(ScheduleTest, WarmupIsRoundedDown) {
  EXPECT_EQ(Schedule::warmup_of(57, 0.03), 1);
  EXPECT_EQ(Schedule::warmup_of(33, 0.03), 0);
  EXPECT_EQ(Schedule::warmup_of(10365, 0.03), 310);
}

TEST(ScheduleTest, ConstantHasNoZeroStep) {
  const Schedule schedule{1e-3, 10, 0, ScheduleShape::constant};
  EXPECT_EQ(schedule.used(0), 1e-3);
  EXPECT_EQ(schedule.used(9), 1e-3);
}

}  // namespace
}  // namespace cobra::train::testing
