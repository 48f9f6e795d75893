// Tests of schema.h: tensors of a configuration, stored types, metadata there and back, ranges.
#include "model/schema.h"

#include <gmock/gmock.h>

#include <set>

#include "formats/tensor_bytes.h"
#include "model/backbones.h"
#include "model/model_test_files.h"
#include "model/presets.h"

namespace cobra {
namespace {

using ::testing::AllOf;
using testing::error_of;
using ::testing::HasSubstr;

class SchemaTest : public testing::ModelFileTest {
 protected:
  /// A file of metadata alone.
  GgufFile written(const ModelConfig& config) const {
    GgufWriter writer(path("m.gguf"));
    write_config(config, DType::q8_0, writer);
    writer.finish();
    return GgufFile(path("m.gguf"));
  }
  /// The error that reading gives when one key of the tiny model is replaced.
  std::string error_with(const std::string& key, const GgufValue& value) const {
    const GgufFile good = written(preset("tiny"));
    GgufWriter writer(path("bad.gguf"));
    for (const auto& [name, old] : good.metadata()) writer.set(name, name == key ? value : old);
    writer.finish();
    return error_of([&] { read_config(GgufFile(path("bad.gguf"))); });
  }
};

void expect_same(const TowerConfig& a, const TowerConfig& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.timm_name, b.timm_name);
  EXPECT_EQ(a.image_size, b.image_size);
  EXPECT_EQ(a.patch_size, b.patch_size);
  EXPECT_EQ(a.embed_dim, b.embed_dim);
  EXPECT_EQ(a.depth, b.depth);
  EXPECT_EQ(a.num_heads, b.num_heads);
  EXPECT_EQ(a.mlp_hidden, b.mlp_hidden);
  EXPECT_EQ(a.class_token, b.class_token);
  EXPECT_EQ(a.register_tokens, b.register_tokens);
  EXPECT_EQ(a.position_covers_prefix, b.position_covers_prefix);
  EXPECT_EQ(a.layer_scale, b.layer_scale);
  EXPECT_EQ(a.pre_norm, b.pre_norm);
  EXPECT_EQ(a.patch_bias, b.patch_bias);
  EXPECT_EQ(a.quick_gelu, b.quick_gelu);
  EXPECT_EQ(a.norm_epsilon, b.norm_epsilon);
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.std, b.std);
}

void expect_same(const ModelConfig& a, const ModelConfig& b) {
  EXPECT_EQ(a.model_id, b.model_id);
  EXPECT_EQ(a.llm_backbone_id, b.llm_backbone_id);
  EXPECT_EQ(a.prompt_template, b.prompt_template);
  EXPECT_EQ(a.resize_strategy, b.resize_strategy);
  EXPECT_EQ(a.eos_token_id, b.eos_token_id);
  EXPECT_EQ(a.projector.type, b.projector.type);
  EXPECT_EQ(a.projector.in, b.projector.in);
  EXPECT_EQ(a.projector.hidden, b.projector.hidden);
  EXPECT_EQ(a.projector.out, b.projector.out);
  EXPECT_EQ(a.mamba.d_model, b.mamba.d_model);
  EXPECT_EQ(a.mamba.n_layer, b.mamba.n_layer);
  EXPECT_EQ(a.mamba.d_inner, b.mamba.d_inner);
  EXPECT_EQ(a.mamba.d_state, b.mamba.d_state);
  EXPECT_EQ(a.mamba.d_conv, b.mamba.d_conv);
  EXPECT_EQ(a.mamba.dt_rank, b.mamba.dt_rank);
  EXPECT_EQ(a.mamba.vocab_size, b.mamba.vocab_size);
  EXPECT_EQ(a.mamba.norm_epsilon, b.mamba.norm_epsilon);
  ASSERT_EQ(a.towers.size(), b.towers.size());
  for (size_t i = 0; i < a.towers.size(); ++i) expect_same(a.towers[i], b.towers[i]);
}

TEST_F(SchemaTest, EveryPresetSurvivesTheRoundTrip) {
  for (const std::string& name : preset_names()) {
    SCOPED_TRACE(name);
    expect_same(preset(name), read_config(written(preset(name))));
  }
}

TEST_F(SchemaTest, EveryFieldSurvivesTheRoundTrip) {
  ModelConfig config = preset("tiny");  // no field keeps its default
  config.prompt_template = "pure";
  config.resize_strategy = "letterbox";
  config.eos_token_id = 7;
  config.projector = projector_between(ProjectorType::linear, config.towers, config.mamba.d_model);
  config.mamba.d_state = 8;
  config.mamba.d_conv = 3;
  config.mamba.norm_epsilon = 3e-5f;
  TowerConfig& tower = config.towers[1];
  tower.name = "clip";
  tower.class_token = tower.position_covers_prefix = tower.pre_norm = tower.quick_gelu = true;
  tower.patch_bias = false;
  tower.image_size = 91;
  tower.norm_epsilon = 1e-5f;
  tower.mean = {0.1f, 0.2f, 0.3f};
  tower.std = {0.4f, 0.6f, 0.7f};
  expect_same(config, read_config(written(config)));
}

TEST_F(SchemaTest, LanguageModelAloneIsLlamaCppsMamba) {
  ModelConfig config = preset("tiny");
  config.towers.clear();
  config.projector = {};
  const GgufFile file = written(config);
  EXPECT_EQ(file.text("general.architecture"), "mamba");
  EXPECT_EQ(file.integer("mamba.ssm.time_step_rank"), 16);
  EXPECT_FALSE(read_config(file).has_vision());
}

TEST_F(SchemaTest, FilesOfLlamaCppNeedNoKeysOfOurs) {
  GgufWriter writer(path("llama.gguf"));
  writer.set("general.architecture", std::string("mamba"));
  writer.set("general.name", std::string("Mamba 2.8b Zephyr"));
  for (const auto& [key, value] : std::map<std::string, int64_t>{{"mamba.embedding_length", 32},
                                                                 {"mamba.block_count", 1},
                                                                 {"mamba.ssm.conv_kernel", 4},
                                                                 {"mamba.ssm.inner_size", 64},
                                                                 {"mamba.ssm.state_size", 16},
                                                                 {"mamba.ssm.time_step_rank", 2}}) {
    writer.set(key, value);
  }
  writer.set("mamba.attention.layer_norm_rms_epsilon", 1e-5);
  writer.declare("token_embd.weight", DType::f32, {24, 32});
  writer.write_tensor(std::vector<std::byte>(24 * 32 * 4));
  writer.finish();
  const ModelConfig config = read_config(GgufFile(path("llama.gguf")));
  EXPECT_EQ(config.mamba.vocab_size, 24);
  EXPECT_EQ(config.prompt_template, "zephyr");
}

TEST_F(SchemaTest, BadMetadataIsNamed) {
  const auto names = [](const char* field, const char* expected) {
    return AllOf(HasSubstr("bad.gguf"), HasSubstr(field), HasSubstr(expected));
  };
  EXPECT_THAT(error_with("general.architecture", std::string("llama")),
              names("architecture", "found 'llama'"));
  EXPECT_THAT(error_with("mamba.block_count", int64_t{0}), names("n_layer", "found 0"));
  EXPECT_THAT(error_with("mamba.block_count", int64_t{1} << 40),
              names("mamba.block_count", "found 1099511627776"));
  EXPECT_THAT(error_with("mamba.block_count", std::string("4")), names("mamba.block_count", ""));
  EXPECT_THAT(error_with("mamba.ssm.state_size", int64_t{0}), names("d_state", "found 0"));
  EXPECT_THAT(error_with("cobra.dino.num_heads", int64_t{5}),
              names("dino.embed_dim modulo num_heads", "found 4"));
  EXPECT_THAT(error_with("cobra.dino.num_heads", int64_t{0}), names("dino.num_heads", "found 0"));
  EXPECT_THAT(error_with("cobra.dino.patch_size", int64_t{0}), names("dino.patch_size", "found 0"));
  EXPECT_THAT(error_with("cobra.dino.depth", int64_t{1}), names("dino.depth", "expected 2"));
  EXPECT_THAT(error_with("cobra.siglip.image_size", int64_t{98}), names("siglip.patches", "expected 36"));
  EXPECT_THAT(error_with("cobra.siglip.std", std::vector<double>{1, 1}), names("siglip.std", "found 2"));
  EXPECT_THAT(error_with("cobra.siglip.std", std::vector<double>{1, 0, 1}), names("siglip.std", "positive"));
  EXPECT_THAT(error_with("cobra.projector.type", std::string("mlp")),
              names("'mlp' is unknown", "expected one of linear"));
  EXPECT_THAT(error_with("cobra.projector.in", int64_t{1}), names("projector.in", "expected 160"));
  EXPECT_THAT(error_with("cobra.towers", std::vector<std::string>{"dino", "dino"}), names("'dino'", "twice"));
  EXPECT_THAT(error_with("cobra.towers", std::vector<std::string>{"../x"}), names("../x", ""));
  EXPECT_THAT(error_with("cobra.eos_token_id", int64_t{264}), names("eos_token_id", "0 to 263"));
  EXPECT_THAT(error_with("cobra.prompt_template", std::string("chatml")), names("prompt_template", "chatml"));
  EXPECT_THAT(error_with("cobra.resize_strategy", std::string("stretch")),
              names("resize_strategy", "stretch"));
}

TEST(TensorSpecs, NamesAreUniqueAndEveryTensorIsStorable) {
  for (const std::string& name : preset_names()) {
    std::set<std::string> seen;
    for (const TensorSpec& spec : tensor_specs(preset(name))) {
      EXPECT_TRUE(seen.insert(spec.name).second) << spec.name;
      for (DType wanted : {DType::f32, DType::f16, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_k}) {
        EXPECT_GT(tensor_bytes(stored_type(spec, wanted), spec.shape, spec.name), 0);
      }
    }
  }
}

TEST(TensorSpecs, ParametersOfCobra3bAreThoseOfItsParts) {
  int64_t language_model = 0, projector = 0;
  const auto count = [](const TensorSpec& spec) {
    int64_t n = 1;
    for (int64_t size : spec.shape) n *= size;
    return n;
  };
  for (const TensorSpec& spec : language_model_specs(preset("cobra-3b").mamba)) language_model += count(spec);
  for (const TensorSpec& spec : projector_specs(preset("cobra-3b").projector)) projector += count(spec);
  EXPECT_EQ(language_model, 2'768'345'600);  // as published for mamba-2.8b
  EXPECT_EQ(projector, 2176 * 8704 + 8704 + 8704 * 2560 + 2560 + 2560 * 2560 + 2560);
}

TEST(StoredType, KeepsVectorsAndProtectsWhatFourBitsHurt) {
  const TensorSpec vector{"blk.0.ssm_dt.bias", {5120}, false};
  const TensorSpec matrix{"blk.0.ssm_in.weight", {10240, 2560}, true};
  const TensorSpec embedding{"token_embd.weight", {50280, 2560}, true};
  const TensorSpec step{"blk.0.ssm_dt.weight", {5120, 160}, true};
  const TensorSpec odd{"siglip.blk.0.fc2.weight", {1152, 4304}, true};
  for (DType wanted : {DType::f16, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_k}) {
    EXPECT_EQ(stored_type(vector, wanted), DType::f32);
    EXPECT_EQ(stored_type(matrix, wanted), wanted);
  }
  for (DType wanted : {DType::q8_0, DType::q4_0, DType::q4_k}) {
    EXPECT_EQ(stored_type(embedding, wanted), DType::q8_0);
    EXPECT_EQ(stored_type(step, wanted), DType::q8_0);
    EXPECT_EQ(stored_type(odd, wanted), DType::bf16);
  }
  const TensorSpec not_256{"dino.blk.0.qkv.weight", {288, 96}, true};
  EXPECT_EQ(stored_type(not_256, DType::q4_k), DType::q4_0);
}

TEST(Config, ImageTokens) {
  EXPECT_EQ(preset("cobra-3b").image_tokens(), 729);
  EXPECT_EQ(preset("cobra-ldpnet-3b").image_tokens(), 196);
  EXPECT_EQ(ModelConfig{}.image_tokens(), 0);
}

TEST(Backbones, ArchSpecifierIsMatchedAsOfficially) {
  EXPECT_EQ(projector_type_of("linear", "c"), ProjectorType::linear);
  EXPECT_EQ(projector_type_of("gelu-mlp", "c"), ProjectorType::gelu_mlp);
  EXPECT_EQ(projector_type_of("no-align+gelu-mlp", "c"), ProjectorType::gelu_mlp);
  EXPECT_EQ(projector_type_of("no-align+fused-gelu-mlp", "c"), ProjectorType::fused_gelu_mlp);
  EXPECT_EQ(projector_type_of("no-align+fused-ldpnet", "c"), ProjectorType::fused_ldpnet);
  for (const char* wrong : {"ldpnet", "no-align+ldpnet", "no-align+linear", "mlp", ""}) {
    EXPECT_THAT(
        error_of([&] { projector_type_of(wrong, "config.json"); }),
        AllOf(HasSubstr("config.json"), HasSubstr(fmt::format("'{}'", wrong)), HasSubstr("fused-ldpnet")));
  }
}

}  // namespace
}  // namespace cobra
