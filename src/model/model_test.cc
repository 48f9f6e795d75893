// Tests of loading a model: what is packed later is looked for at once.
#include "cobra/model.h"

#include <gmock/gmock.h>

#include <limits>

#include "cobra/image.h"
#include "model/init.h"
#include "model/model_test_files.h"

namespace cobra {
namespace {

using ModelTest = testing::ModelFileTest;

TEST_F(ModelTest, AFileThatLacksATensorIsRefusedAtOnce) {
  InitOptions options;
  options.preset = "tiny";
  options.output = path("whole.gguf");
  init_model(options);
  for (const char* gone :
       {"blk.0.ssm_d", "projector.0.weight", "projector.4.bias", "dino.blk.1.qkv.weight"}) {
    const std::string file = testing::gguf_without(options.output, path("cut.gguf"), gone);
    EXPECT_THAT(testing::error_of([&] { Model::load(file, Runtime()); }),
                ::testing::HasSubstr(fmt::format("cut.gguf: tensor '{}' is missing", gone)));
  }
}

/// Rounding activations to 8 bits would swallow them, and the answer be fluent nonsense.
TEST_F(ModelTest, ValuesThatAreNotFiniteAreNamed) {
  InitOptions options;
  options.preset = "tiny";
  options.type = DType::q8_0;
  options.output = path("whole.gguf");
  init_model(options);
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(),
                  kInf = std::numeric_limits<float>::infinity();
  const auto error = [&](const char* tensor, int64_t at, auto value) {
    const std::string file = testing::gguf_with(options.output, path("hurt.gguf"), tensor, at, value);
    return testing::error_of([&] {
      const Model model = Model::load(file, Runtime());
      model.embed(Image{1, 1, {0, 0, 0}});  // binds the towers
    });
  };
  const auto says = [](const std::string& text) {
    return ::testing::HasSubstr("hurt.gguf: tensor '" + text);
  };
  EXPECT_EQ(error("blk.0.ssm_d", 8, 1.0f), "");
  EXPECT_THAT(error("blk.0.ssm_d", 8, kNan),
              says("blk.0.ssm_d': expected finite values, found nan at 2: the"));
  EXPECT_THAT(error("blk.1.ssm_a", 0, -kInf), says("blk.1.ssm_a': expected finite values, found -inf at 0"));
  EXPECT_THAT(error("output_norm.weight", 0, kInf), says("output_norm.weight': expected finite values"));
  EXPECT_THAT(error("blk.0.ssm_dt.bias", 0, kNan), says("blk.0.ssm_dt.bias': expected finite values"));
  EXPECT_THAT(error("dino.pos_embed", 4, kNan),
              says("dino.pos_embed': expected finite values, found nan at 1"));
  EXPECT_THAT(error("projector.0.bias", 0, kNan), says("projector.0.bias': expected finite values"));
  // The halves of q8_0's scales: every row of 32 columns begins with one, and ssm_in is two matrices.
  constexpr uint16_t kHalfNan = 0x7e01, kHalfInf = 0xfc00;
  EXPECT_THAT(error("token_embd.weight", 0, kHalfNan),
              says("token_embd.weight': expected finite scales, found one in rows 0 to 15 that is not: the"));
  const GgufFile whole(options.output);
  const TensorEntry& in_proj = *whole.find("blk.0.ssm_in.weight");
  const int64_t rows = in_proj.shape[0], row = row_bytes(DType::q8_0, in_proj.shape[1]);
  ASSERT_EQ(in_proj.type, DType::q8_0);
  EXPECT_THAT(
      error("blk.0.ssm_in.weight", rows * row - 34, kHalfInf),
      says(fmt::format("blk.0.ssm_in.weight': expected finite scales, found one in rows {} to {} that",
                       rows - 16, rows - 1)));
  EXPECT_THAT(error("dino.blk.0.qkv.weight", 0, kHalfInf),
              says("dino.blk.0.qkv.weight': expected finite scales"));
}

/// The language model's vectors and tables, of which other programs write some with dimensions of 1.
TEST_F(ModelTest, VectorsOfAnotherTypeOrShapeAreRefused) {
  InitOptions options;
  options.preset = "tiny";
  options.output = path("whole.gguf");
  init_model(options);
  const MambaConfig c = Model::load(options.output, Runtime()).config().mamba;
  const int64_t I = c.d_inner, N = c.d_state;
  const auto error = [&](const char* tensor, DType type, const std::vector<int64_t>& shape) {
    const std::string file = testing::gguf_declaring(options.output, path("other.gguf"), tensor, type, shape);
    return testing::error_of([&] { Model::load(file, Runtime()); });
  };
  EXPECT_EQ(error("blk.0.ssm_a", DType::f32, {N, I}),
            fmt::format("{}: tensor 'blk.0.ssm_a': expected shape [{}, {}], found [{}, {}]",
                        path("other.gguf"), I, N, N, I));
  EXPECT_THAT(error("blk.0.ssm_a", DType::f32, {I * N}),
              ::testing::HasSubstr("tensor 'blk.0.ssm_a': expected shape"));
  EXPECT_THAT(error("blk.0.ssm_conv1d.weight", DType::f32, {c.d_conv, I}),
              ::testing::HasSubstr("tensor 'blk.0.ssm_conv1d.weight': expected shape"));
  EXPECT_THAT(error("blk.0.ssm_d", DType::i32, {I}),
              ::testing::HasSubstr("other.gguf: tensor 'blk.0.ssm_d': type i32 is not a type of weights"));
  EXPECT_THAT(error("blk.0.ssm_d", DType::f32, {I / 2, 2}),
              ::testing::HasSubstr(
                  fmt::format("tensor 'blk.0.ssm_d': expected shape [{}], found [{}, 2]", I, I / 2)));
  EXPECT_EQ(error("blk.0.ssm_conv1d.weight", DType::f32, {I, 1, c.d_conv}), "");
  EXPECT_EQ(error("blk.0.ssm_d", DType::f32, {1, I}), "");
  EXPECT_EQ(error("output_norm.weight", DType::f32, {c.d_model, 1}), "");
}

}  // namespace
}  // namespace cobra
