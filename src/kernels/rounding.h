// Whole pieces of a size: both of values >= 0.
#pragma once

#include <cstdint>

namespace cobra {

constexpr int64_t divide_up(int64_t value, int64_t by) { return (value + by - 1) / by; }
constexpr int64_t round_up(int64_t value, int64_t multiple) { return divide_up(value, multiple) * multiple; }

}  // namespace cobra
