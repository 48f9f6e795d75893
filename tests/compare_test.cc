// The comparator itself: what must fail, fails.
#include "compare.h"

#include <limits>

namespace cobra::testing {
namespace {

using Values = std::vector<float>;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(Compare, AcceptsWhatIsNear) {
  EXPECT_TRUE(near(Values{1, 2}, Values{1, 2}, 0));
  EXPECT_TRUE(near(Values{1.01f}, Values{1}, 0.02));
  EXPECT_TRUE(near(Values{101}, Values{100}, 0, 0.02));
}

TEST(Compare, RefusesEverythingElse) {
  EXPECT_FALSE(near(Values{1.03f}, Values{1}, 0.02));
  EXPECT_FALSE(near(Values{-1}, Values{1}, 0.5));
  EXPECT_FALSE(near(Values{1}, Values{1, 2}, 9));
  EXPECT_FALSE(near(Values{kNan}, Values{1}, 9));
  EXPECT_FALSE(near(Values{1}, Values{kNan}, 9));
  EXPECT_FALSE(near(Values{kNan}, Values{kNan}, 9));
  EXPECT_FALSE(near(Values{kInfinity}, Values{kInfinity}, 9));
  EXPECT_FALSE(near(Values{kInfinity}, Values{1}, 9, 9));
}

TEST(Compare, RelativeErrorSeesNanAndLength) {
  EXPECT_DOUBLE_EQ(relative_error(Values{1, 2.5f}, Values{1, 2}), 0.25);
  EXPECT_EQ(relative_error(Values{kNan}, Values{1}), HUGE_VAL);
  EXPECT_EQ(relative_error(Values{1}, Values{1, 2}), HUGE_VAL);
}

}  // namespace
}  // namespace cobra::testing
