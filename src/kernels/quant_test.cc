// Tests of the block formats: against ggml's reference conversions (tests/data/quant), and by properties.
#include "kernels/quant.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/fail.h"
#include "base/file.h"
#include "base/half.h"
#include "test_support.h"

namespace cobra {
namespace {

using testing::error_of;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Fixture {
  std::vector<std::byte> blocks;
  std::vector<float> values;
};

std::string fixture_bytes(const std::string& name) {
  return read_file(COBRA_SOURCE_DIR "/tests/data/quant/" + name, 1 << 20);
}

/// A file of `n` values and their blocks, in the order that `blocks_first` says.
Fixture read_fixture(const std::string& file, DType type, int64_t n, bool blocks_first) {
  const std::string bytes = fixture_bytes(file);
  Fixture f{std::vector<std::byte>(row_bytes(type, n)), std::vector<float>(n)};
  check(bytes.size() == f.blocks.size() + 4 * f.values.size(), "{}: {} bytes", file, bytes.size());
  const size_t blocks_at = blocks_first ? 0 : 4 * f.values.size();
  const size_t values_at = blocks_first ? f.blocks.size() : 0;
  std::memcpy(f.blocks.data(), bytes.data() + blocks_at, f.blocks.size());
  std::memcpy(f.values.data(), bytes.data() + values_at, 4 * f.values.size());
  return f;
}

std::vector<std::byte> quantized(DType type, const std::vector<float>& x) {
  const int64_t n = static_cast<int64_t>(x.size());
  std::vector<std::byte> blocks(row_bytes(type, n));
  quantize_row(type, x.data(), blocks.data(), n);
  return blocks;
}

std::vector<float> dequantized(DType type, const std::vector<std::byte>& blocks, int64_t n) {
  std::vector<float> x(n);
  dequantize_row(type, blocks.data(), x.data(), n);
  return x;
}

std::vector<float> round_trip(DType type, const std::vector<float>& x) {
  return dequantized(type, quantized(type, x), static_cast<int64_t>(x.size()));
}

std::vector<float> normal_values(int64_t n, float sigma, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, sigma);
  std::vector<float> x(n);
  for (float& v : x) v = normal(random);
  return x;
}

/// Root mean square of the error, relative to that of x. NaN in y gives NaN, which no bound admits.
double relative_rms(const std::vector<float>& x, const std::vector<float>& y) {
  double error = 0, square = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    error += std::pow(double{x[i]} - y[i], 2);
    square += std::pow(double{x[i]}, 2);
  }
  return std::sqrt(error / square);
}

/// What each type reaches on Gaussian rows (relative rms), measured plus 1 to 6 % (a plain minimum-maximum
/// grid gives 7.3e-2 at q4_k), and the relative error of its largest value: half a step of the code, and of
/// the scale of scales.
struct TypeCase {
  DType type;
  double gaussian_rms;
  double extreme_error;
};

class EveryType : public ::testing::TestWithParam<TypeCase> {};

INSTANTIATE_TEST_SUITE_P(Quant, EveryType,
                         ::testing::Values(TypeCase{DType::f32, 0.0, 0.0},          //
                                           TypeCase{DType::f16, 2.2e-4, 0x1p-11},   //
                                           TypeCase{DType::bf16, 1.75e-3, 0x1p-8},  //
                                           TypeCase{DType::q8_0, 5.6e-3, 5e-3},     //
                                           TypeCase{DType::q4_0, 8.9e-2, 1e-3},     //
                                           TypeCase{DType::q4_k, 7.12e-2, 4e-2},    //
                                           TypeCase{DType::q5_k, 3.5e-2, 2e-2},     //
                                           TypeCase{DType::q6_k, 1.70e-2, 1.7e-2}),
                         [](const auto& test) { return std::string(name(test.param.type)); });

class BlockType : public ::testing::TestWithParam<DType> {};

INSTANTIATE_TEST_SUITE_P(Quant, BlockType,
                         ::testing::Values(DType::q8_0, DType::q4_0, DType::q4_k, DType::q5_k, DType::q6_k),
                         [](const auto& test) { return std::string(name(test.param)); });

TEST_P(BlockType, DequantizesRandomBlocksAsGgmlDoes) {
  const Fixture f = read_fixture(fmt::format("{}.bin", name(GetParam())), GetParam(), 2048, true);
  const std::vector<float> x = dequantized(GetParam(), f.blocks, 2048);
  for (size_t i = 0; i < x.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(x[i]), std::bit_cast<uint32_t>(f.values[i])) << i << ": " << x[i];
  }
}

TEST_P(BlockType, RowMayStartAtAnyByte) {
  const std::vector<float> x = normal_values(256, 1.0f, 1);
  std::vector<std::byte> blocks = quantized(GetParam(), x);
  const std::vector<float> expected = dequantized(GetParam(), blocks, 256);
  blocks.insert(blocks.begin(), std::byte{0xff});
  std::vector<float> y(256);
  dequantize_row(GetParam(), blocks.data() + 1, y.data(), 256);
  EXPECT_EQ(y, expected);
}

TEST_P(BlockType, RefusesWhatIsNotAMultipleOfTheBlock) {
  std::vector<std::byte> blocks(1024);
  std::vector<float> x(1024);
  const std::string expected = fmt::format("a row of 48 values cannot be stored as {}: not a multiple of {}",
                                           name(GetParam()), traits(GetParam()).block_size);
  EXPECT_EQ(error_of([&] { dequantize_row(GetParam(), blocks.data(), x.data(), 48); }), expected);
  EXPECT_EQ(error_of([&] { quantize_row(GetParam(), x.data(), blocks.data(), 48); }), expected);
  EXPECT_THROW(dequantize_row(GetParam(), blocks.data(), x.data(), -256), Error);
}

TEST_P(BlockType, NonFiniteBlocksNeitherCrashNorHide) {
  const std::vector<std::byte> ones(row_bytes(GetParam(), 256), std::byte{0xff});  // every half is NaN
  for (float v : dequantized(GetParam(), ones, 256)) EXPECT_TRUE(std::isnan(v));
}

class GgmlQuantizer : public ::testing::TestWithParam<DType> {};

INSTANTIATE_TEST_SUITE_P(Quant, GgmlQuantizer, ::testing::Values(DType::q8_0, DType::q4_0),
                         [](const auto& test) { return std::string(name(test.param)); });

TEST_P(GgmlQuantizer, GivesTheSameBytes) {
  constexpr int kRows = 24;
  const Fixture f = read_fixture(fmt::format("{}_rows.bin", name(GetParam())), GetParam(), 32 * kRows, false);
  const std::vector<std::byte> blocks = quantized(GetParam(), f.values);
  for (int r = 0; r < kRows; ++r) {
    const size_t bytes = row_bytes(GetParam(), 32);
    ASSERT_TRUE(std::equal(&blocks[r * bytes], &blocks[r * bytes] + bytes, &f.blocks[r * bytes]))
        << "row " << r;
  }
}

TEST_P(EveryType, ErrorOnGaussianRowsIsBounded) {
  for (float sigma : {1.0f, 0.02f, 300.0f}) {
    const std::vector<float> x = normal_values(256 * 400, sigma, 2);
    EXPECT_LE(relative_rms(x, round_trip(GetParam().type, x)), GetParam().gaussian_rms) << "sigma " << sigma;
  }
}

TEST_P(EveryType, ErrorOnOneSidedRowsIsBounded) {
  for (float shift : {6.0f, -6.0f}) {
    std::vector<float> x = normal_values(256 * 100, 1.0f, 3);
    for (float& v : x) v += shift;
    EXPECT_LE(relative_rms(x, round_trip(GetParam().type, x)), GetParam().gaussian_rms) << "shift " << shift;
  }
}

TEST_P(EveryType, ZerosStayZeros) {
  const std::vector<float> x(512, 0.0f);
  for (float v : round_trip(GetParam().type, x)) ASSERT_EQ(v, 0.0f);
}

TEST_P(EveryType, ConstantRowsStayConstant) {
  for (float value : {0.37f, -0.37f, 1e-3f, -5000.0f}) {
    for (float v : round_trip(GetParam().type, std::vector<float>(256, value))) {
      // Half a step of a 6-bit scale, where the scale of scales is a subnormal half (1e-3); else far better.
      ASSERT_NEAR(v, value, std::fabs(value) * 8e-3) << name(GetParam().type);
    }
  }
}

TEST_P(EveryType, LargestValueOfARowSurvives) {
  for (float outlier : {50.0f, -50.0f}) {
    std::vector<float> x = normal_values(256, 0.01f, 4);
    x[77] = outlier;
    const std::vector<float> y = round_trip(GetParam().type, x);
    EXPECT_NEAR(y[77], outlier, std::fabs(outlier) * GetParam().extreme_error);
  }
}

TEST_P(EveryType, SubnormalValuesGiveSmallFiniteOnes) {
  for (float sigma : {1e-8f, 1e-20f, 1e-39f, 1e-44f}) {
    const std::vector<float> x = normal_values(256, sigma, 5);
    for (float v : round_trip(GetParam().type, x)) ASSERT_LE(std::fabs(v), 4e-7f) << sigma;
  }
}

// Scales near the smallest half, 6e-8. Not q8_0: there ggml's rounding of the scale, which we keep, may give
// 0.
TEST(Quant, SmallValuesKeepTheirSize) {
  const std::vector<float> x = normal_values(256 * 50, 1e-6f, 6);
  for (DType type : {DType::f16, DType::q4_0, DType::q4_k, DType::q5_k, DType::q6_k}) {
    EXPECT_LE(relative_rms(x, round_trip(type, x)), 0.3) << name(type);
  }
}

TEST_P(EveryType, HugeAndNonFiniteValuesAreStoredAsTheNearestFiniteOnes) {
  std::vector<float> x = normal_values(512, 1.0f, 7);
  x[3] = kInfinity;
  x[40] = -kInfinity;
  x[100] = kNaN;
  x[300] = 3e38f;
  x[400] = -3e38f;
  const std::vector<float> y = round_trip(GetParam().type, x);
  for (float v : y) ASSERT_TRUE(std::isfinite(v));
  EXPECT_GE(y[3], 65504.0f);
  EXPECT_LE(y[40], -65504.0f);
  EXPECT_GE(y[300], 65504.0f);
  EXPECT_LE(y[400], -65504.0f);
}

TEST_P(EveryType, NaNCountsAsZero) {
  std::vector<float> x = normal_values(256, 1.0f, 8);
  x[10] = kNaN;
  x[250] = -kNaN;
  const std::vector<std::byte> blocks = quantized(GetParam().type, x);
  x[10] = x[250] = 0.0f;
  EXPECT_EQ(blocks, quantized(GetParam().type, x));
}

TEST_P(EveryType, QuantizingTwiceChangesLittle) {
  const std::vector<float> x = normal_values(256 * 20, 1.0f, 9);
  const std::vector<float> once = round_trip(GetParam().type, x);
  EXPECT_LE(relative_rms(once, round_trip(GetParam().type, once)), GetParam().gaussian_rms / 2);
}

TEST(Quant, KFormatsKeepSubBlocksOfVeryDifferentSize) {
  for (DType type : {DType::q4_k, DType::q5_k, DType::q6_k}) {
    std::vector<float> x = normal_values(256, 1.0f, 10);
    for (int i = 0; i < 256; ++i) x[i] *= static_cast<float>(i / 32 + 1);
    EXPECT_LE(relative_rms(x, round_trip(type, x)), 0.08) << name(type);
  }
}

TEST(Quant, TypesThatHoldNoWeightsAreRefused) {
  float x = 0;
  std::byte bytes[8];
  const std::string expected =
      "type i32 cannot hold weights: expected f32, f16, bf16, q8_0, q4_0, q4_k, q5_k or q6_k";
  EXPECT_EQ(error_of([&] { dequantize_row(DType::i32, bytes, &x, 1); }), expected);
  EXPECT_EQ(error_of([&] { quantize_row(DType::i32, &x, bytes, 1); }), expected);
}

TEST(Quant, EveryHalfDequantizes) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t half = static_cast<uint16_t>(bits);
    float x;
    dequantize_row(DType::f16, reinterpret_cast<const std::byte*>(&half), &x, 1);
    ASSERT_EQ(std::bit_cast<uint32_t>(x), std::bit_cast<uint32_t>(to_float(Float16{half}))) << bits;
  }
}

TEST(StorableType, FallsBackWhereTheBlockDoesNotDivide) {
  EXPECT_EQ(storable_type(DType::q4_k, 2560), DType::q4_k);
  EXPECT_EQ(storable_type(DType::q4_k, 1152), DType::q4_0);  // SigLIP's width
  EXPECT_EQ(storable_type(DType::q4_k, 4304), DType::bf16);  // SigLIP's MLP
  EXPECT_EQ(storable_type(DType::q8_0, 1152), DType::q8_0);
  EXPECT_EQ(storable_type(DType::q8_0, 4304), DType::bf16);
  EXPECT_EQ(storable_type(DType::q6_k, 1152), DType::bf16);
  EXPECT_EQ(storable_type(DType::f32, 3), DType::f32);
}

}  // namespace
}  // namespace cobra
