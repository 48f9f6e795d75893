// Training's selective scan: the inference values bit for bit, values and gradients against the reference in
// double precision, any number of threads, right padding.
#include "kernels/mamba_training_case.h"

namespace cobra {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

class MambaTrainingScanTest : public ::testing::TestWithParam<std::string> {
 protected:
  const KernelTable& table = find_kernels(GetParam());
};

struct ScanData {
  Shape s;
  int64_t rows = s.batch * s.L;
  Rows x = Rows::random(rows, s.channels, 1), dt = Rows::random(rows, s.channels, 2, 2),
       z = Rows::random(rows, s.channels, 3, 2), dy = Rows::random(rows, s.channels, 4),
       B = Rows::random(rows, s.depth, 5), C = Rows::random(rows, s.depth, 6);
  Floats A = random_values(s.channels * s.depth, 7), D = random_values(s.channels, 8),
         dt_bias = random_values(s.channels, 9), state = random_values(s.batch * s.channels * s.depth, 10);

  explicit ScanData(const Shape& shape) : s(shape) {
    for (float& a : A) a = -std::exp(a);
  }
  ScanOperands operands() const {
    return {.batch = s.batch,
            .L = s.L,
            .x = x.view(),
            .dt = dt.view(),
            .z = z.view(),
            .B = B.view(),
            .C = C.view(),
            .A = A.data(),
            .D = D.data(),
            .dt_bias = dt_bias.data()};
  }
};

struct ScanResult {
  Rows y, dx, ddt, dz, dB, dC;
  Floats dA, dD, ddt_bias;

  ScanResult(const ScanData& c, const KernelTable& table, int threads, const float* state)
      : y(c.rows, c.s.channels),
        dx(c.rows, c.s.channels),
        ddt(c.rows, c.s.channels),
        dz(c.rows, c.s.channels),
        dB(c.rows, c.s.depth),
        dC(c.rows, c.s.depth),
        dA(c.A.size(), NAN),
        dD(c.D.size(), NAN),
        ddt_bias(c.D.size(), NAN) {
    Floats checkpoints(static_cast<size_t>(scan_checkpoint_size(c.operands())), NAN);
    selective_scan_forward(table, threads, c.operands(), state, checkpoints.data(), y.view());
    selective_scan_backward(
        table, threads, c.operands(), checkpoints.data(), c.dy.view(),
        {dx.view(), ddt.view(), dz.view(), dB.view(), dC.view(), dA.data(), dD.data(), ddt_bias.data()});
  }
};

/// One tile of one sequence in double.
struct DoubleScan {
  const ScanData& c;
  const Shape& s = c.s;
  int64_t sequence, tile;
  Doubles x = tile_of(c.x.view(), s, sequence, tile), dt = tile_of(c.dt.view(), s, sequence, tile),
          z = tile_of(c.z.view(), s, sequence, tile), dy = tile_of(c.dy.view(), s, sequence, tile),
          A = weights_of(c.A, s, s.depth, tile), D = weights_of(c.D, s, 1, tile),
          dt_bias = weights_of(c.dt_bias, s, 1, tile), B, C;
  Doubles y{x}, gx{x}, gdt{x}, gz{x}, gB, gC, gA = Doubles(A.size()), gD = Doubles(kTileChannels),
                                              gdt_bias = Doubles(kTileChannels);

  DoubleScan(const ScanData& c_, int64_t sequence_, int64_t tile_) : c(c_), sequence(sequence_), tile(tile_) {
    for (int64_t i = 0; i < s.L * s.depth; ++i) {
      B.push_back(c.B.view()(sequence * s.L + i / s.depth, i % s.depth));
      C.push_back(c.C.view()(sequence * s.L + i / s.depth, i % s.depth));
    }
    gB.resize(B.size());
    gC.resize(C.size());
  }
  /// The states before each block.
  std::vector<Doubles> forward(Doubles state) {
    std::vector<Doubles> before;
    for (int64_t t = 0; t < s.L; t += kBlockSteps) {
      const int64_t at = t * kTileChannels, bc = t * s.depth;
      before.push_back(state);
      reference::selective_scan<double>({std::min(kBlockSteps, s.L - t), s.depth, &x[at], &dt[at], &z[at],
                                         &B[bc], &C[bc], s.depth, A.data(), D.data(), dt_bias.data(),
                                         state.data(), &y[at]});
    }
    return before;
  }
  void backward(const std::vector<Doubles>& before) {
    Doubles dstate(A.size());
    for (int64_t block = std::ssize(before) - 1; block >= 0; --block) {
      const int64_t t = block * kBlockSteps, at = t * kTileChannels, bc = t * s.depth;
      reference::selective_scan_backward<double>({std::min(kBlockSteps, s.L - t),
                                                  s.depth,
                                                  &x[at],
                                                  &dt[at],
                                                  &z[at],
                                                  &B[bc],
                                                  &C[bc],
                                                  s.depth,
                                                  A.data(),
                                                  D.data(),
                                                  dt_bias.data(),
                                                  before[block].data(),
                                                  &dy[at],
                                                  dstate.data(),
                                                  &gx[at],
                                                  &gdt[at],
                                                  &gz[at],
                                                  &gB[bc],
                                                  &gC[bc],
                                                  s.depth,
                                                  gA.data(),
                                                  gD.data(),
                                                  gdt_bias.data()});
    }
  }
};

struct ScanExpected {
  Doubles y, dx, ddt, dz, dB, dC, dA, dD, ddt_bias;

  ScanExpected(const ScanData& c, bool with_state)
      : y(static_cast<size_t>(c.rows * c.s.channels)),
        dx(y),
        ddt(y),
        dz(y),
        dB(static_cast<size_t>(c.rows * c.s.depth)),
        dC(dB),
        dA(c.A.size()),
        dD(c.D.size()),
        ddt_bias(c.D.size()) {
    for (int64_t sequence = 0; sequence < c.s.batch; ++sequence) {
      for (int64_t tile = 0; tile < tiles_of(c.s.channels); ++tile) add_tile(c, with_state, sequence, tile);
    }
  }
  void add_tile(const ScanData& c, bool with_state, int64_t sequence, int64_t tile) {
    const Shape& s = c.s;
    DoubleScan scan(c, sequence, tile);
    const auto first = c.state.begin() + sequence * s.channels * s.depth;
    const Floats state(first, first + s.channels * s.depth);
    scan.backward(scan.forward(with_state ? weights_of(state, s, s.depth, tile) : Doubles(scan.A.size())));
    add_rows(scan.y, s, sequence * s.L, tile, y);
    add_rows(scan.gx, s, sequence * s.L, tile, dx);
    add_rows(scan.gdt, s, sequence * s.L, tile, ddt);
    add_rows(scan.gz, s, sequence * s.L, tile, dz);
    for (size_t i = 0; i < scan.gB.size(); ++i) {
      dB[static_cast<size_t>(sequence * s.L * s.depth) + i] += scan.gB[i];
      dC[static_cast<size_t>(sequence * s.L * s.depth) + i] += scan.gC[i];
    }
    add_weights(scan.gA, s, s.depth, tile, dA);
    add_weights(scan.gD, s, 1, tile, dD);
    add_weights(scan.gdt_bias, s, 1, tile, ddt_bias);
  }
};

TEST_P(MambaTrainingScanTest, ForwardIsTheInferenceKernel) {
  for (const Shape& s : kShapes) {
    SCOPED_TRACE(s.name());
    const ScanData c(s);
    Workspace workspace;
    const Kernels kernels(table, 1, workspace, Phase::prefill);
    const AlignedBuffer<float> A = tile_weights(c.A.data(), s.channels, s.depth),
                               D = tile_weights(c.D.data(), s.channels, 1),
                               dt_bias = tile_weights(c.dt_bias.data(), s.channels, 1);
    Floats expected;
    for (int64_t b = 0; b < s.batch; ++b) {
      const auto rows = [&](const Rows& all) { return all.view().slice_rows(b * s.L, s.L); };
      AlignedBuffer<float> x = to_tiles(rows(c.x)), dt = to_tiles(rows(c.dt)), z = to_tiles(rows(c.z)),
                           state(A.size());
      const TiledView<float> y{x.data(), s.L, s.channels};
      const std::array sequences{Sequence{0, s.L, state.data()}};
      kernels.selective_scan(y, {dt.data(), s.L, s.channels}, {s.depth, A.data(), D.data(), dt_bias.data()},
                             rows(c.B), rows(c.C), {z.data(), s.L, s.channels}, sequences, y);
      append_rows(x, s.L, s.channels, expected);
    }
    EXPECT_EQ(ScanResult(c, table, 2, nullptr).y.values(), expected);
  }
}

TEST_P(MambaTrainingScanTest, ValuesAndGradients) {
  for (const Shape& s : kShapes) {
    for (const bool with_state : {false, true}) {
      SCOPED_TRACE(s.name() + (with_state ? ", initial state" : ""));
      const ScanData c(s);
      const ScanResult result(c, table, 2, with_state ? c.state.data() : nullptr);
      const ScanExpected expected(c, with_state);
      expect_near("y", result.y.values(), expected.y);
      expect_near("x", result.dx.values(), expected.dx);
      expect_near("dt", result.ddt.values(), expected.ddt);
      expect_near("z", result.dz.values(), expected.dz);
      expect_near("B", result.dB.values(), expected.dB);
      expect_near("C", result.dC.values(), expected.dC);
      expect_near("A", result.dA, expected.dA);
      expect_near("D", result.dD, expected.dD);
      expect_near("dt_bias", result.ddt_bias, expected.ddt_bias);
    }
  }
}

/// All gradients in one list.
Floats all_gradients(const ScanResult& r) {
  Floats all;
  for (const Rows* rows : {&r.dx, &r.ddt, &r.dz, &r.dB, &r.dC}) {
    const Floats values = rows->values();
    all.insert(all.end(), values.begin(), values.end());
  }
  for (const Floats* values : {&r.dA, &r.dD, &r.ddt_bias})
    all.insert(all.end(), values->begin(), values->end());
  return all;
}

TEST_P(MambaTrainingScanTest, AnyNumberOfThreadsGivesTheSameBits) {
  const ScanData c({3, 65, 300, 4});
  const ScanResult one(c, table, 1, nullptr);
  for (const int threads : {2, 3, 7}) {
    const ScanResult many(c, table, threads, nullptr);
    EXPECT_EQ(many.y.values(), one.y.values());
    EXPECT_EQ(all_gradients(many), all_gradients(one));
  }
}

/// Steps after a sequence's end, whatever they hold, change no bit where their dy is zero.
TEST_P(MambaTrainingScanTest, RightPaddingAddsNothing) {
  constexpr int64_t kLength = 70, kPadded = 150, kChannels = 40;
  ScanData padded({1, kPadded, kChannels, 4});
  const ScanData cut({1, kLength, kChannels, 4});  // the same seeds: its rows are the first of `padded`
  for (int64_t t = kLength; t < kPadded; ++t) {
    for (int64_t c = 0; c < kChannels; ++c) padded.dy.view()(t, c) = 0.0f;
  }
  const ScanResult a(padded, table, 1, nullptr), b(cut, table, 1, nullptr);
  const auto first_rows = [](const Rows& rows, int64_t cols) {
    Floats values = rows.values();
    values.resize(static_cast<size_t>(kLength * cols));
    return values;
  };
  EXPECT_EQ(first_rows(a.dx, kChannels), b.dx.values());
  EXPECT_EQ(first_rows(a.ddt, kChannels), b.ddt.values());
  EXPECT_EQ(first_rows(a.dz, kChannels), b.dz.values());
  EXPECT_EQ(first_rows(a.dB, 4), b.dB.values());
  EXPECT_EQ(first_rows(a.dC, 4), b.dC.values());
  EXPECT_EQ(a.dA, b.dA);
  EXPECT_EQ(a.dD, b.dD);
  EXPECT_EQ(a.ddt_bias, b.ddt_bias);
}

INSTANTIATE_TEST_SUITE_P(Isa, MambaTrainingScanTest, ::testing::ValuesIn(all_isas()), IsaName());

}  // namespace
}  // namespace cobra
