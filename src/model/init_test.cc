// Tests of init.h: reproducible, of true shapes, with values in a sane range.
#include "model/init.h"

#include <gmock/gmock.h>

#include <cmath>

#include "model/init_weights.h"
#include "model/model_test_files.h"
#include "model/presets.h"
#include "model/schema.h"
#include "tokenizer/tokenizer.h"

namespace cobra {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class InitTest : public testing::ModelFileTest {
 protected:
  std::string tiny(uint64_t seed, int threads, DType type = DType::q8_0) const {
    InitOptions o;
    o.preset = "tiny";
    o.seed = seed;
    o.type = type;
    o.threads = threads;
    o.output = path("m.gguf");
    init_model(o);
    return testing::file_bytes(o.output);
  }
};

struct Moments {
  double mean = 0, deviation = 0, lowest = HUGE_VAL, highest = -HUGE_VAL;
};

Moments moments(const std::string& name, const ModelConfig& config, int64_t rows) {
  for (const TensorSpec& spec : tensor_specs(config)) {
    if (spec.name != name) continue;
    const RowMaker make = initial_values(spec, config, 5);
    std::vector<float> row(static_cast<size_t>(spec.shape.back()));
    double sum = 0, squares = 0;
    Moments m;
    for (int64_t r = 0; r < rows; ++r) {
      make(r, row.data());
      for (double v : row) {
        sum += v, squares += v * v;
        m.lowest = std::fmin(m.lowest, v), m.highest = std::fmax(m.highest, v);
      }
    }
    const double n = static_cast<double>(rows) * static_cast<double>(row.size());
    m.mean = sum / n;
    m.deviation = std::sqrt(squares / n - m.mean * m.mean);
    return m;
  }
  ADD_FAILURE() << "no tensor " << name;
  return {};
}

TEST_F(InitTest, IsAFunctionOfTheSeedAlone) {
  const std::string first = tiny(1, 1);
  EXPECT_TRUE(tiny(1, 3) == first);
  EXPECT_FALSE(tiny(2, 1) == first);
  EXPECT_LT(first.size(), 8U << 20) << "a few MB";
}

TEST_F(InitTest, HoldsEveryTensorOfThePresetAndAByteLevelTokenizer) {
  tiny(1, 2, DType::q4_k);
  const GgufFile file(path("m.gguf"));
  const ModelConfig config = read_config(file);
  const std::vector<TensorSpec> specs = tensor_specs(config);
  ASSERT_EQ(file.tensors().size(), specs.size());
  for (const TensorSpec& spec : specs) {
    ASSERT_TRUE(file.find(spec.name)) << spec.name;
    EXPECT_EQ(file.find(spec.name)->shape, spec.shape);
  }
  const Tokenizer tokenizer(TokenizerData::from_gguf(file));
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("Größe?")), "Größe?");
  EXPECT_EQ(tokenizer.encode("abc").size(), 3U);
}

TEST(InitWeights, HaveTheOfficialDistributions) {
  const ModelConfig config = preset("cobra-3b");
  const Moments in_proj = moments("blk.0.ssm_in.weight", config, 200);
  EXPECT_NEAR(in_proj.mean, 0, 2e-4);
  EXPECT_NEAR(in_proj.deviation, 1 / std::sqrt(2560.0), 1e-4);
  EXPECT_NEAR(moments("blk.7.ssm_out.weight", config, 100).deviation, 1 / std::sqrt(5120.0 * 64), 1e-5);
  EXPECT_NEAR(moments("token_embd.weight", config, 100).deviation, 0.02, 1e-4);
  EXPECT_NEAR(moments("blk.0.ssm_dt.weight", config, 100).highest, 1 / std::sqrt(160.0), 1e-3);
  EXPECT_EQ(moments("blk.3.ssm_a", config, 5).lowest, -16);
  EXPECT_EQ(moments("blk.3.ssm_a", config, 5).highest, -1);
  EXPECT_EQ(moments("blk.3.ssm_d", config, 1).deviation, 0);
  const Moments scale = moments("dino.blk.0.ls1", config, 1);
  EXPECT_GE(scale.lowest, 0.1);
  EXPECT_LE(scale.highest, 1);
}

TEST(InitWeights, StepSizesAreLogUniform) {
  const Moments bias = moments("blk.0.ssm_dt.bias", preset("cobra-3b"), 1);
  EXPECT_NEAR(std::log1p(std::exp(bias.lowest)), 1e-3, 1e-5);
  EXPECT_NEAR(std::log1p(std::exp(bias.highest)), 1e-1, 1e-3);
}

TEST(InitWeights, PositionsTellPlacesOfTheGrid) {
  const ModelConfig config = preset("cobra-tiny");
  const TensorSpec spec{"dino.pos_embed", {64, 96}, true};
  const auto at = [&](int64_t x, int64_t y) {
    std::vector<float> row(96);
    initial_values(spec, config, 5)(8 * y + x, row.data());
    return row;
  };
  const auto distance = [](const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return std::sqrt(sum);
  };
  EXPECT_NEAR(at(3, 5)[0], 1.35 * std::sin(3), 1e-5) << "the column's shortest wave comes first";
  EXPECT_NEAR(at(3, 5)[2 * 24], 1.35 * std::sin(5), 1e-5);
  EXPECT_LT(distance(at(3, 5), at(4, 5)), distance(at(3, 5), at(6, 5)));
  EXPECT_LT(distance(at(3, 5), at(3, 4)), distance(at(3, 5), at(5, 2)));
  EXPECT_GT(distance(at(3, 5), at(5, 3)), 1) << "column and row are not taken for each other";
}

TEST(InitWeights, TensorsAndRowsDiffer) {
  const ModelConfig config = preset("tiny");
  const TensorSpec a{"blk.0.ssm_in.weight", {4, 64}, true}, b{"blk.1.ssm_in.weight", {4, 64}, true};
  std::vector<float> a0(64), a1(64), b0(64);
  initial_values(a, config, 0)(0, a0.data());
  initial_values(a, config, 0)(1, a1.data());
  initial_values(b, config, 0)(0, b0.data());
  EXPECT_NE(a0, a1);
  EXPECT_NE(a0, b0);
}

TEST_F(InitTest, GivenTokenizerSetsTheTinyVocabulary) {
  if (testing::neox_tokenizer().empty()) GTEST_SKIP() << "GPT-NeoX's tokenizer.json is not here";
  InitOptions o;
  o.preset = "tiny";
  o.tokenizer = testing::neox_tokenizer();
  o.output = path("m.gguf");
  init_model(o);
  EXPECT_EQ(read_config(GgufFile(o.output)).mamba.vocab_size, 50280);
}

TEST_F(InitTest, PartsOfOtherModelsKeepTheirValues) {
  const auto make = [&](const char* preset, const char* file, uint64_t seed, InitOptions o = {}) {
    o.preset = preset, o.seed = seed, o.type = DType::f32, o.output = path(file);
    init_model(o);
    return o.output;
  };
  InitOptions parts;
  parts.towers = make("cobra-tiny", "seen.gguf", 1);
  parts.language_model = make("cobra-tiny", "said.gguf", 2);
  const GgufFile seen(parts.towers), said(parts.language_model),
      made(make("cobra-tiny-ldpnet", "m.gguf", 3, parts)), fresh(make("cobra-tiny-ldpnet", "fresh.gguf", 3));
  for (const TensorEntry& tensor : made.tensors()) {
    const GgufFile& source = tensor.name.starts_with("projector.")                                    ? fresh
                             : tensor.name.starts_with("dino.") || tensor.name.starts_with("siglip.") ? seen
                                                                                                      : said;
    EXPECT_TRUE(std::ranges::equal(tensor.bytes, source.find(tensor.name)->bytes)) << tensor.name;
  }
}

TEST_F(InitTest, ThreePartsAreTheWholeModelAndOnlyTheDecayIsScaled) {
  InitOptions o;
  o.preset = "cobra-tiny", o.type = DType::f32;
  o.output = path("whole.gguf");
  init_model(o);
  const GgufFile whole(o.output);
  o.towers = o.projector = o.language_model = o.output;
  o.seed = 7;
  o.state_decay = 0.25;
  o.output = path("slower.gguf");
  init_model(o);
  const auto values = [](const TensorEntry& tensor) {
    return std::span(reinterpret_cast<const float*>(tensor.bytes.data()),
                     tensor.bytes.size() / sizeof(float));
  };
  size_t scaled = 0;
  const GgufFile slower(o.output);
  for (const TensorEntry& tensor : slower.tensors()) {
    const bool decay = tensor.name.ends_with("ssm_a");
    scaled += decay;
    const auto before = values(*whole.find(tensor.name)), after = values(tensor);
    ASSERT_EQ(before.size(), after.size());
    for (size_t i = 0; i < after.size(); ++i)
      ASSERT_EQ(after[i], before[i] * (decay ? 0.25f : 1.0f)) << tensor.name;
  }
  EXPECT_EQ(scaled, 6u) << "one in each layer";
  // Random weights have it too.
  o.towers = o.projector = o.language_model = "";
  init_model(o);
  EXPECT_EQ(values(*GgufFile(o.output).find("blk.0.ssm_a"))[15], -4);
}

TEST_F(InitTest, PartsOfAnotherShapeAreRefused) {
  tiny(1, 1);
  InitOptions o;
  o.preset = "cobra-tiny";
  o.output = path("other.gguf");
  o.towers = path("m.gguf");
  EXPECT_THAT(testing::error_of([&] { init_model(o); }),
              AllOf(HasSubstr("m.gguf: tensor 'dino."), HasSubstr("expected shape")));
  o.towers = "";
  o.language_model = path("m.gguf");
  EXPECT_THAT(testing::error_of([&] { init_model(o); }), HasSubstr("m.gguf: tensor 'token_embd.weight'"));
  o.language_model = o.output;
  o.output = path("m.gguf");
  EXPECT_THAT(testing::error_of([&] { init_model(o); }), HasSubstr("other.gguf"));
}

TEST_F(InitTest, APresetWithoutPicturesTakesNeitherTowersNorProjector) {
  tiny(1, 1);
  for (std::string InitOptions::*part : {&InitOptions::towers, &InitOptions::projector}) {
    InitOptions o;
    o.preset = "mamba-130m";
    o.output = path("other.gguf");
    o.*part = path("m.gguf");
    EXPECT_THAT(testing::error_of([&] { init_model(o); }),
                HasSubstr("m.gguf: preset mamba-130m has no towers and no projector"));
  }
}

TEST_F(InitTest, UnknownPresetListsTheKnownOnes) {
  InitOptions o;
  o.preset = "cobra-7b";
  o.output = path("m.gguf");
  EXPECT_THAT(testing::error_of([&] { init_model(o); }), HasSubstr("cobra-siglip-3b"));
  EXPECT_TRUE(files().empty());
}

}  // namespace
}  // namespace cobra
