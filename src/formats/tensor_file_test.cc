// Tests of tensor_file.h and tensor_bytes.h: sizes and conversions.
#include <gmock/gmock.h>

#include <limits>

#include "base/half.h"
#include "formats/tensor_bytes.h"
#include "formats/tensor_file.h"
#include "formats/test_files.h"

namespace cobra {
namespace {

using testing::as_bytes;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;

template <typename T>
std::vector<float> converted(DType type, const std::vector<T>& values) {
  return to_float32({"t", type, {static_cast<int64_t>(values.size())}, as_bytes(values)}, "f");
}

TEST(TensorFile, ConvertsEveryPlainType) {
  EXPECT_THAT(converted<float>(DType::f32, {1.5f, -2.0f}), ElementsAre(1.5f, -2.0f));
  EXPECT_THAT(converted<double>(DType::f64, {0.1, -3.0}), ElementsAre(0.1f, -3.0f));
  EXPECT_THAT(converted<Float16>(DType::f16, {to_float16(0.5f), to_float16(-65504.0f)}),
              ElementsAre(0.5f, -65504.0f));
  EXPECT_THAT(converted<BFloat16>(DType::bf16, {to_bfloat16(1.0f), to_bfloat16(-0.25f)}),
              ElementsAre(1.0f, -0.25f));
  EXPECT_THAT(converted<int64_t>(DType::i64, {-7, 1ll << 40}), ElementsAre(-7.0f, 0x1p40f));
  EXPECT_THAT(converted<int32_t>(DType::i32, {-7, 8}), ElementsAre(-7.0f, 8.0f));
  EXPECT_THAT(converted<int16_t>(DType::i16, {-7, 8}), ElementsAre(-7.0f, 8.0f));
  EXPECT_THAT(converted<int8_t>(DType::i8, {-128, 127}), ElementsAre(-128.0f, 127.0f));
  EXPECT_THAT(converted<uint8_t>(DType::u8, {0, 255}), ElementsAre(0.0f, 255.0f));
  EXPECT_THAT(converted<uint8_t>(DType::boolean, {0, 1, 2}), ElementsAre(0.0f, 1.0f, 1.0f));
}

TEST(TensorFile, ConvertsUnalignedBytes) {
  std::string bytes(1, 'x');
  bytes += testing::raw(2.5f);
  EXPECT_THAT(to_float32({"t", DType::f32, {1}, as_bytes(bytes).subspan(1)}, "f"), ElementsAre(2.5f));
}

TEST(TensorFile, RefusesQuantisedAndMismatchedBytes) {
  const std::string block(34, '\0');
  EXPECT_EQ(error_of([&] {
              to_float32({"w", DType::q8_0, {32}, as_bytes(block)}, "f");
            }),
            "f: tensor 'w': expected plain numbers, found type q8_0");
  EXPECT_EQ(error_of([&] {
              to_float32({"w", DType::f32, {2, 3}, as_bytes(block)}, "f");
            }),
            "f: tensor 'w': expected 24 bytes for f32 [2, 3], found 34");
}

TEST(TensorFile, SizesAreChecked) {
  EXPECT_EQ(tensor_bytes(DType::f32, {}, "t"), 4);
  EXPECT_EQ(tensor_bytes(DType::f32, {5, 0, 3}, "t"), 0);
  EXPECT_EQ(tensor_bytes(DType::q4_k, {3, 512}, "t"), 3 * 2 * 144);
  const int64_t huge = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(error_of([&] {
                tensor_bytes(DType::i8, {huge, 2}, "f: tensor 't'");
              }),
              ::testing::AllOf(HasSubstr("f: tensor 't'"), HasSubstr("out of range")));
  EXPECT_THAT(error_of([&] { tensor_bytes(DType::f32, {2, -1}, "t"); }), HasSubstr("negative"));
  EXPECT_THAT(error_of([&] { tensor_bytes(DType::f32, {-2, 1}, "t"); }), HasSubstr("out of range"));
  EXPECT_THAT(error_of([&] { tensor_bytes(DType::q8_0, {32, 33}, "t"); }), HasSubstr("multiple of 32"));
  EXPECT_THAT(error_of([&] { tensor_bytes(DType::f32, std::vector<int64_t>(65, 1), "t"); }),
              HasSubstr("65 dimensions"));
  EXPECT_EQ(TensorEntry({"t", DType::f32, {2, 3}, {}}).elements(), 6);
  EXPECT_EQ(to_string({48, 3, 14}), "[48, 3, 14]");
}

}  // namespace
}  // namespace cobra
