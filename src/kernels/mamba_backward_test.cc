// Every instruction set's gradients of convolution and scan against the reference: steps and states around
// what the kernels do at once, misaligned buffers, canaries.
#include <gtest/gtest.h>

#include <memory>

#include "base/fail.h"
#include "compare.h"
#include "kernels/kernel_case.h"

namespace cobra {
namespace {

using testing::Guarded;
using testing::random_values;
using testing::relative_error;
using Floats = std::vector<float>;

constexpr int64_t kWidth = kTileChannels;
constexpr int64_t kSteps[] = {1, 2, 5, 63, 64};

/// Guarded buffers that begin with given values, so that what is only added to shows.
class Buffers {
 public:
  float* add(const char* name, const Floats& values) {
    names_.push_back(name);
    buffers_.push_back(std::make_unique<Guarded<float>>(std::ssize(values)));
    std::copy(values.begin(), values.end(), buffers_.back()->data());
    return buffers_.back()->data();
  }
  /// Float32 sums in another order: some rounding of the largest value.
  void expect_near(const Buffers& expected) const {
    for (size_t i = 0; i < buffers_.size(); ++i) {
      const double error = relative_error(buffers_[i]->values(), expected.buffers_[i]->values());
      EXPECT_TRUE(error <= 3e-6) << names_[i] << ": " << error;
    }
  }
  Floats values(size_t i) const { return buffers_[i]->values(); }

 private:
  std::vector<const char*> names_;
  std::vector<std::unique_ptr<Guarded<float>>> buffers_;
};

class MambaBackwardTest : public ::testing::TestWithParam<std::string> {
 protected:
  const KernelTable& tested = find_kernels(GetParam());
  const KernelTable& reference = reference_kernels();
};

/// `in_place`: dx is dy.
void run_conv(const KernelTable& table, int64_t L, int taps, bool in_place, Buffers& out) {
  const Floats weight = random_values(taps * kWidth, 1), bias = random_values(kWidth, 2),
               x = random_values((taps - 1 + L) * kWidth, 3), dy = random_values(L * kWidth, 4);
  float* dx = out.add("dx", dy);
  const ConvBackwardTile tile = {.L = L,
                                 .taps = taps,
                                 .weight = weight.data(),
                                 .bias = bias.data(),
                                 .x = x.data(),
                                 .dy = in_place ? dx : dy.data(),
                                 .carry = out.add("carry", random_values((taps - 1) * kWidth, 5)),
                                 .dx = dx,
                                 .dweight = out.add("dweight", random_values(taps * kWidth, 6)),
                                 .dbias = out.add("dbias", random_values(kWidth, 7))};
  table.causal_conv1d_silu_backward(tile);
}

TEST_P(MambaBackwardTest, CausalConv) {
  for (const int taps : {1, 2, 4, 8}) {
    for (const int64_t L : kSteps) {
      SCOPED_TRACE(fmt::format("L {}, taps {}", L, taps));
      Buffers a, b, in_place;
      run_conv(tested, L, taps, false, a);
      run_conv(reference, L, taps, false, b);
      a.expect_near(b);
      run_conv(tested, L, taps, true, in_place);
      EXPECT_EQ(in_place.values(0), a.values(0));
    }
  }
}

/// `in_place`: dx, ddt and dz are x, dt and z. B | C and dB | dC are rows with a column between that stays.
void run_scan(const KernelTable& table, int64_t L, int states, bool in_place, Buffers& out) {
  const int64_t ld = 2 * states + 1, ld_d = 2 * states + 2;
  const Floats x = random_values(L * kWidth, 1), dt = random_values(L * kWidth, 2, 2),
               z = random_values(L * kWidth, 3, 2), bc = random_values(L * ld, 4),
               D = random_values(kWidth, 5), dt_bias = random_values(kWidth, 6),
               state = random_values(states * kWidth, 7), dy = random_values(L * kWidth, 8);
  Floats A = random_values(states * kWidth, 9);
  for (size_t i = 0; i < A.size(); ++i) A[i] = -std::exp(A[i]) * static_cast<float>(1 + i / kWidth);
  float *dx = out.add("dx", x), *ddt = out.add("ddt", dt), *dz = out.add("dz", z);
  float* dbc = out.add("dB | dC", random_values(L * ld_d, 10));
  const ScanBackwardTile tile = {.L = L,
                                 .states = states,
                                 .x = in_place ? dx : x.data(),
                                 .dt = in_place ? ddt : dt.data(),
                                 .z = in_place ? dz : z.data(),
                                 .B = bc.data(),
                                 .C = bc.data() + states + 1,
                                 .ld_bc = ld,
                                 .A = A.data(),
                                 .D = D.data(),
                                 .dt_bias = dt_bias.data(),
                                 .state = state.data(),
                                 .dy = dy.data(),
                                 .dstate = out.add("dstate", random_values(states * kWidth, 11)),
                                 .dx = dx,
                                 .ddt = ddt,
                                 .dz = dz,
                                 .dB = dbc,
                                 .dC = dbc + states + 1,
                                 .ld_dbc = ld_d,
                                 .dA = out.add("dA", random_values(states * kWidth, 12)),
                                 .dD = out.add("dD", random_values(kWidth, 13)),
                                 .ddt_bias = out.add("ddt_bias", random_values(kWidth, 14))};
  table.selective_scan_backward(tile);
  const Floats untouched = random_values(L * ld_d, 10);
  for (int64_t t = 0; t < L; ++t)
    EXPECT_EQ(dbc[t * ld_d + states], untouched[static_cast<size_t>(t * ld_d + states)]);
}

TEST_P(MambaBackwardTest, SelectiveScan) {
  for (const int states : {1, 3, 4, 16, 18}) {
    for (const int64_t L : kSteps) {
      SCOPED_TRACE(fmt::format("L {}, states {}", L, states));
      Buffers a, b, in_place;
      run_scan(tested, L, states, false, a);
      run_scan(reference, L, states, false, b);
      a.expect_near(b);
      run_scan(tested, L, states, true, in_place);
      for (size_t i = 0; i < 3; ++i) EXPECT_EQ(in_place.values(i), a.values(i));
    }
  }
}

/// Gates and steps so large that exp leaves float32: derivatives are then 0 or 1 and never NaN.
TEST_P(MambaBackwardTest, LargeValues) {
  const Floats extreme = {-1e4f, -300, -179, -150, -105, -89, -60, -30, 0, 20, 30, 60, 89, 105, 300, 1e4f};
  const Floats one(kWidth, 1.0f), A(kWidth, -1.0f), zero(kWidth);
  Floats results[2];
  for (const KernelTable* table : {&tested, &reference}) {
    Buffers out;
    float *dx = out.add("dx", zero), *ddt = out.add("ddt", zero), *dz = out.add("dz", zero);
    const Floats B(1, 0.5f), C(1, 0.25f);
    Floats dstate = zero, dB(1), dC(1), dA = zero, dD = zero, ddt_bias = zero;
    table->selective_scan_backward({1,
                                    1,
                                    one.data(),
                                    extreme.data(),
                                    extreme.data(),
                                    B.data(),
                                    C.data(),
                                    1,
                                    A.data(),
                                    one.data(),
                                    zero.data(),
                                    one.data(),
                                    one.data(),
                                    dstate.data(),
                                    dx,
                                    ddt,
                                    dz,
                                    dB.data(),
                                    dC.data(),
                                    1,
                                    dA.data(),
                                    dD.data(),
                                    ddt_bias.data()});
    for (size_t i = 0; i < 3; ++i) {
      for (const float value : out.values(i)) results[table == &reference].push_back(value);
    }
  }
  EXPECT_TRUE(testing::near(results[0], results[1], 1e-30, 1e-5));
}

INSTANTIATE_TEST_SUITE_P(Isa, MambaBackwardTest, ::testing::ValuesIn(testing::all_isas()),
                         testing::IsaName());

}  // namespace
}  // namespace cobra
