// Training's causal convolution: the inference values bit for bit, gradients against the reference in double
// precision, any number of threads.
#include "kernels/mamba_training_case.h"

namespace cobra {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

class MambaTrainingConvTest : public ::testing::TestWithParam<std::string> {
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

TEST_P(MambaTrainingConvTest, ForwardIsTheInferenceKernel) {
  for (const Shape& s : kShapes) {
    SCOPED_TRACE(s.name());
    const ConvData c{s};
    Workspace workspace;
    const Kernels kernels(table, 1, workspace, Phase::prefill);
    const AlignedBuffer<float> weight = tile_weights(c.weight.data(), s.channels, s.depth),
                               bias = tile_weights(c.bias.data(), s.channels, 1);
    Floats expected;
    for (int64_t b = 0; b < s.batch; ++b) {
      AlignedBuffer<float> x = to_tiles(c.x.view().slice_rows(b * s.L, s.L)), state(weight.size());
      const std::array sequences{Sequence{0, s.L, state.data()}};
      kernels.causal_conv1d_silu({x.data(), s.L, s.channels}, {s.depth, weight.data(), bias.data()},
                                 sequences);
      append_rows(x, s.L, s.channels, expected);
    }
    EXPECT_EQ(ConvResult(c, table, 2).y.values(), expected);
  }
}

TEST_P(MambaTrainingConvTest, Gradients) {
  for (const Shape& s : kShapes) {
    SCOPED_TRACE(s.name());
    const ConvData c{s};
    const ConvResult result(c, table, 2);
    const ConvExpected expected(c);
    expect_near("x", result.dx.values(), expected.dx);
    expect_near("weight", result.dweight, expected.dweight);
    expect_near("bias", result.dbias, expected.dbias);
  }
}

TEST_P(MambaTrainingConvTest, AnyNumberOfThreadsGivesTheSameBits) {
  const ConvData c{{3, 65, 300, 4}};
  const ConvResult one(c, table, 1);
  for (const int threads : {2, 3, 7}) {
    const ConvResult many(c, table, threads);
    EXPECT_EQ(many.y.values(), one.y.values());
    EXPECT_EQ(many.dx.values(), one.dx.values());
    EXPECT_EQ(many.dweight, one.dweight);
    EXPECT_EQ(many.dbias, one.dbias);
  }
}

TEST_P(MambaTrainingConvTest, RefusesTapsThatTheKernelsLack) {
  const ConvData c{{1, 2, 3, kMaxConvTaps + 1}};
  EXPECT_THROW(ConvResult(c, table, 1), Error);
}

INSTANTIATE_TEST_SUITE_P(Isa, MambaTrainingConvTest, ::testing::ValuesIn(all_isas()), IsaName());

}  // namespace
}  // namespace cobra
