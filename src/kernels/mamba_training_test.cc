// Training's operators: the inference values bit for bit, gradients against the reference in double precision
// tile by tile, any number of threads, rows that are slices of wider rows.
#include "kernels/mamba_training.h"

#include <gtest/gtest.h>

#include "base/fail.h"
#include "compare.h"
#include "kernels/channel_stripe.h"
#include "kernels/kernel_case.h"
#include "kernels/kernels.h"
#include "kernels/reference_mamba.h"

namespace cobra {
namespace {

using testing::random_values;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;

/// Rows between columns that nobody may touch.
class Rows {
 public:
  Rows(int64_t rows, int64_t cols, Floats values = {})
      : rows_(rows), cols_(cols), data_(static_cast<size_t>(rows * stride()), kMargin) {
    for (int64_t i = 0; i < std::ssize(values); ++i)
      data_[static_cast<size_t>(i / cols * stride() + kLeft + i % cols)] = values[static_cast<size_t>(i)];
  }
  static Rows random(int64_t rows, int64_t cols, uint32_t seed, float scale = 1.0f) {
    return {rows, cols, random_values(rows * cols, seed, scale)};
  }
  TensorView<float> view() { return {data_.data() + kLeft, rows_, cols_, stride()}; }
  TensorView<const float> view() const { return {data_.data() + kLeft, rows_, cols_, stride()}; }
  /// Values row by row; fails where a margin was written.
  Floats values() const {
    Floats result;
    for (int64_t i = 0; i < std::ssize(data_); ++i) {
      const int64_t col = i % stride() - kLeft;
      if (col >= 0 && col < cols_) {
        result.push_back(data_[static_cast<size_t>(i)]);
      } else {
        EXPECT_EQ(data_[static_cast<size_t>(i)], kMargin) << "written beside the rows";
      }
    }
    return result;
  }

 private:
  static constexpr int64_t kLeft = 3, kRight = 2;
  static constexpr float kMargin = -77.0f;
  int64_t stride() const { return kLeft + cols_ + kRight; }
  int64_t rows_, cols_;
  Floats data_;
};

struct Shape {
  int64_t batch, L, channels;
  int depth;  // states or taps
};

constexpr Shape kShapes[] = {{1, 1, 1, 1},   {1, 3, 16, 4},    {2, 64, 24, 3},
                             {3, 65, 70, 4}, {1, 130, 130, 2}, {2, 128, 64, 8}};

/// Tile `tile` of a sequence's rows as doubles [L][16].
Doubles tile_of(TensorView<const float> rows, const Shape& s, int64_t sequence, int64_t tile) {
  Doubles values(static_cast<size_t>(s.L * kTileChannels));
  for (int64_t t = 0; t < s.L; ++t) {
    for (int64_t c = 0; c < std::min<int64_t>(kTileChannels, s.channels - tile * kTileChannels); ++c)
      values[static_cast<size_t>(t * kTileChannels + c)] = rows(sequence * s.L + t, tile * kTileChannels + c);
  }
  return values;
}

/// Tile `tile` of weights [channels, depth] as doubles [depth][16].
Doubles weights_of(const Floats& values, const Shape& s, int64_t depth, int64_t tile) {
  const AlignedBuffer<float> tiled = tile_weights(values.data(), s.channels, depth);
  const float* first = tiled.data() + tile * depth * kTileChannels;
  return {first, first + depth * kTileChannels};
}

/// Adds tile values [steps][16] to rows (as `to`) [*, channels] from `row` on, or to weights [channels,
/// depth].
void add_rows(const Doubles& tile_values, const Shape& s, int64_t row, int64_t tile, Doubles& to) {
  for (int64_t i = 0; i < std::ssize(tile_values); ++i) {
    const int64_t c = tile * kTileChannels + i % kTileChannels;
    if (c < s.channels)
      to[static_cast<size_t>((row + i / kTileChannels) * s.channels + c)] +=
          tile_values[static_cast<size_t>(i)];
  }
}

void add_weights(const Doubles& tile_values, const Shape& s, int64_t depth, int64_t tile, Doubles& to) {
  for (int64_t i = 0; i < std::ssize(tile_values); ++i) {
    const int64_t c = tile * kTileChannels + i % kTileChannels;
    if (c < s.channels)
      to[static_cast<size_t>(c * depth + i / kTileChannels)] += tile_values[static_cast<size_t>(i)];
  }
}

/// Float32 sums over rows and channels: some rounding of the largest value.
void expect_near(const char* name, const Floats& actual, const Doubles& expected) {
  const Floats rounded(expected.begin(), expected.end());
  EXPECT_TRUE(testing::relative_error(actual, rounded) <= 4e-6)
      << name << ": " << testing::relative_error(actual, rounded);
}

class MambaTrainingTest : public ::testing::TestWithParam<std::string> {
 protected:
  const KernelTable& table = find_kernels(GetParam());
};

struct ConvData {
  Shape s;
  int64_t rows = s.batch * s.L;
  Rows x = Rows::random(rows, s.channels, 1), dy = Rows::random(rows, s.channels, 2);
  Floats weight = random_values(s.channels * s.depth, 3), bias = random_values(s.channels, 4);

  ConvOperands operands() const {
    return {.batch = s.batch,
            .L = s.L,
            .taps = s.depth,
            .x = x.view(),
            .weight = weight.data(),
            .bias = bias.data()};
  }
};

struct ConvResult {
  Rows y, dx;
  Floats dweight, dbias;

  ConvResult(const ConvData& c, const KernelTable& table, int threads)
      : y(c.rows, c.s.channels),
        dx(c.rows, c.s.channels),
        dweight(c.weight.size(), NAN),
        dbias(c.bias.size(), NAN) {
    causal_conv1d_silu_forward(table, threads, c.operands(), y.view());
    causal_conv1d_silu_backward(table, threads, c.operands(), c.dy.view(),
                                {dx.view(), dweight.data(), dbias.data()});
  }
};

/// The gradients in double, one block of 64 steps after the other for each tile.
struct ConvExpected {
  Doubles dx, dweight, dbias;

  explicit ConvExpected(const ConvData& c)
      : dx(static_cast<size_t>(c.rows * c.s.channels)), dweight(c.weight.size()), dbias(c.bias.size()) {
    for (int64_t sequence = 0; sequence < c.s.batch; ++sequence) {
      for (int64_t tile = 0; tile < tiles_of(c.s.channels); ++tile) add_tile(c, sequence, tile);
    }
  }
  void add_tile(const ConvData& c, int64_t sequence, int64_t tile) {
    const Shape& s = c.s;
    const Doubles weight = weights_of(c.weight, s, s.depth, tile), bias = weights_of(c.bias, s, 1, tile),
                  dy = tile_of(c.dy.view(), s, sequence, tile), x = tile_of(c.x.view(), s, sequence, tile);
    Doubles padded(static_cast<size_t>((s.depth - 1) * kTileChannels)), carry(padded.size()), gx(x.size()),
        gweight(weight.size()), gbias(kTileChannels);
    padded.insert(padded.end(), x.begin(), x.end());
    for (int64_t begin = (s.L - 1) / kBlockSteps * kBlockSteps; begin >= 0; begin -= kBlockSteps) {
      reference::causal_conv1d_silu_backward<double>({.L = std::min(kBlockSteps, s.L - begin),
                                                      .taps = s.depth,
                                                      .weight = weight.data(),
                                                      .bias = bias.data(),
                                                      .x = padded.data() + begin * kTileChannels,
                                                      .dy = dy.data() + begin * kTileChannels,
                                                      .carry = carry.data(),
                                                      .dx = gx.data() + begin * kTileChannels,
                                                      .dweight = gweight.data(),
                                                      .dbias = gbias.data()});
    }
    add_rows(gx, s, sequence * s.L, tile, dx);
    add_weights(gweight, s, s.depth, tile, dweight);
    add_weights(gbias, s, 1, tile, dbias);
  }
};

TEST_P(MambaTrainingTest, ConvForwardIsTheInferenceKernel) {
  for (const Shape& s : kShapes) {
    const ConvData c{s};
    const ConvResult result(c, table, 2);
    Workspace workspace;
    const Kernels kernels(table, 1, workspace, Phase::prefill);
    const AlignedBuffer<float> weight = tile_weights(c.weight.data(), s.channels, s.depth),
                               bias = tile_weights(c.bias.data(), s.channels, 1);
    Floats expected;
    for (int64_t b = 0; b < s.batch; ++b) {
      AlignedBuffer<float> x(TiledView<float>::size(s.L, s.channels)), state(weight.size());
      for (int64_t i = 0; i < stripes_of(s.channels); ++i)
        Stripe(i, s.channels)
            .load(c.x.view().slice_rows(b * s.L, s.L), x.data() + i * kStripeTiles * s.L * kTileChannels,
                  s.L * kTileChannels);
      kernels.causal_conv1d_silu({x.data(), s.L, s.channels}, {s.depth, weight.data(), bias.data()},
                                 state.data());
      for (int64_t i = 0; i < s.L * s.channels; ++i) {
        const int64_t channel = i % s.channels;
        expected.push_back(
            x[(channel / kTileChannels * s.L + i / s.channels) * kTileChannels + channel % kTileChannels]);
      }
    }
    EXPECT_EQ(result.y.values(), expected) << "L " << s.L << ", channels " << s.channels;
  }
}

TEST_P(MambaTrainingTest, ConvGradients) {
  for (const Shape& s : kShapes) {
    SCOPED_TRACE(fmt::format("batch {}, L {}, channels {}, taps {}", s.batch, s.L, s.channels, s.depth));
    const ConvData c{s};
    const ConvResult result(c, table, 2);
    const ConvExpected expected(c);
    expect_near("x", result.dx.values(), expected.dx);
    expect_near("weight", result.dweight, expected.dweight);
    expect_near("bias", result.dbias, expected.dbias);
  }
}

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

TEST_P(MambaTrainingTest, ScanValuesAndGradients) {
  for (const Shape& s : kShapes) {
    for (const bool with_state : {false, true}) {
      SCOPED_TRACE(fmt::format("batch {}, L {}, channels {}, states {}, initial state {}", s.batch, s.L,
                               s.channels, s.depth, with_state));
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

TEST_P(MambaTrainingTest, AnyNumberOfThreadsGivesTheSameBits) {
  const Shape shape{3, 65, 200, 4};
  const ScanData scan(shape);
  const ConvData conv{shape};
  const ScanResult one(scan, table, 1, nullptr);
  const ConvResult conv_one(conv, table, 1);
  for (const int threads : {2, 3, 7}) {
    const ScanResult many(scan, table, threads, nullptr);
    EXPECT_EQ(many.y.values(), one.y.values());
    EXPECT_EQ(many.dx.values(), one.dx.values());
    EXPECT_EQ(many.ddt.values(), one.ddt.values());
    EXPECT_EQ(many.dz.values(), one.dz.values());
    EXPECT_EQ(many.dB.values(), one.dB.values());
    EXPECT_EQ(many.dC.values(), one.dC.values());
    EXPECT_EQ(many.dA, one.dA);
    EXPECT_EQ(many.dD, one.dD);
    EXPECT_EQ(many.ddt_bias, one.ddt_bias);
    const ConvResult conv_many(conv, table, threads);
    EXPECT_EQ(conv_many.y.values(), conv_one.y.values());
    EXPECT_EQ(conv_many.dx.values(), conv_one.dx.values());
    EXPECT_EQ(conv_many.dweight, conv_one.dweight);
    EXPECT_EQ(conv_many.dbias, conv_one.dbias);
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, MambaTrainingTest, ::testing::ValuesIn(testing::all_isas()),
                         testing::IsaName());

}  // namespace
}  // namespace cobra
