// Tests of convert.h on the reference checkpoints: every value against its source, configuration, all input
// layouts.
#include "model/convert.h"

#include <gmock/gmock.h>

#include <cmath>

#include "compare.h"
#include "formats/json.h"
#include "kernels/quant.h"
#include "model/convert_names.h"
#include "model/model_test_files.h"
#include "model/schema.h"
#include "tokenizer/tokenizer.h"

namespace cobra {
namespace {

using testing::EditableDict;
using ::testing::HasSubstr;
using testing::reference;

class ConvertTest : public testing::ModelFileTest {
 protected:
  ConvertOptions options(DType type = DType::f32) const {
    ConvertOptions o;
    o.run_dir = reference("checkpoint");
    o.dino = reference("checkpoint/dino.safetensors");
    o.siglip = reference("checkpoint/siglip.safetensors");
    o.llm_config = reference("checkpoint/llm_config.json");
    o.dims = reference("dims.json");
    o.type = type;
    o.output = path("m.gguf");
    return o;
  }
  /// The reference language model as a file of its own, with `prefix` of the checkpoint's names cut off.
  EditableDict language_model() const {
    const EditableDict all = EditableDict::read(reference("checkpoint/checkpoints/latest-checkpoint.pt"));
    const std::string prefix = "model/llm_backbone/llm.";
    EditableDict llm;
    for (const auto& [name, tensor] : all.tensors) {
      if (name.starts_with(prefix)) llm.tensors[name.substr(prefix.size())] = tensor;
    }
    return llm;
  }
};

std::vector<float> values(const TensorEntry& tensor) { return to_float32(tensor, "test"); }

/// Every mapped tensor of `file` has its source's values, bit for bit.
void expect_source_values(const GgufFile& file, const StateDict& source, const std::string& prefix,
                          const std::vector<NameMapping>& mappings) {
  for (const NameMapping& mapping : mappings) {
    SCOPED_TRACE(mapping.target.name);
    const TensorEntry* found = file.find(mapping.target.name);
    const TensorEntry* expected = source.find(prefix + mapping.source);
    ASSERT_TRUE(found && expected);
    EXPECT_EQ(found->shape, mapping.target.shape);
    std::vector<float> wanted = values(*expected);
    if (mapping.transform == Transform::negative_exp) {
      for (float& value : wanted) value = -std::exp(value);
    }
    EXPECT_EQ(values(*found), wanted);
  }
}

void expect_checkpoint_values(const std::string& output, const std::string& checkpoint) {
  const GgufFile file(output);
  const ModelConfig config = read_config(file);
  const auto source = StateDict::open(checkpoint);
  expect_source_values(file, *source, "model/llm_backbone/llm.",
                       map_language_model(config.mamba, "backbone.embedding.weight"));
  expect_source_values(file, *source, "model/projector/", map_projector(config.projector));
}

TEST_F(ConvertTest, RunFolderKeepsEveryValue) {
  convert(options());
  expect_checkpoint_values(path("m.gguf"), reference("checkpoint/checkpoints/latest-checkpoint.pt"));
  const GgufFile file(path("m.gguf"));
  const ModelConfig config = read_config(file);
  for (const TowerConfig& tower : config.towers) {
    const auto source = StateDict::open(reference("checkpoint/" + tower.name + ".safetensors"));
    expect_source_values(file, *source, "", map_tower(tower));
  }
  EXPECT_EQ(file.tensors().size(), tensor_specs(config).size());
  EXPECT_FALSE(file.find("output.weight")) << "the head is tied";
  EXPECT_EQ(file.text("tokenizer.ggml.model"), "none") << "llama.cpp opens no model that does not say it";
  EXPECT_FALSE(TokenizerData::in_gguf(file));
  EXPECT_EQ(files(), std::vector<std::string>{"m.gguf"});
}

TEST_F(ConvertTest, ConfigurationIsThatOfDims) {
  convert(options());
  const ModelConfig config = read_config(GgufFile(path("m.gguf")));
  const Json dims = read_json(reference("dims.json"));
  const auto dim = [&](const char* field) { return json_integer(dims, field, "dims"); };
  EXPECT_EQ(config.prompt_template, "zephyr");
  EXPECT_EQ(config.llm_backbone_id, "mamba-2.8b-zephyr");
  EXPECT_EQ(config.resize_strategy, json_text(dims, "image_resize_strategy", "dims"));
  EXPECT_EQ(name(config.projector.type), json_text(dims, "projector.type", "dims"));
  EXPECT_EQ(config.projector.hidden, dim("projector.hidden"));
  EXPECT_EQ(config.mamba.d_inner, dim("mamba.d_inner"));
  EXPECT_EQ(config.mamba.dt_rank, dim("mamba.dt_rank"));
  EXPECT_EQ(config.mamba.vocab_size, dim("mamba.vocab_size_padded"));
  ASSERT_EQ(config.towers.size(), 2U);
  for (const TowerConfig& tower : config.towers) {
    const std::string prefix = tower.name + ".";
    EXPECT_EQ(tower.num_heads, dim((prefix + "num_heads").c_str()));
    EXPECT_EQ(tower.mlp_hidden, dim((prefix + "mlp_hidden").c_str()));
    EXPECT_EQ(tower.patches(), dim((prefix + "num_patches").c_str()));
    EXPECT_EQ(tower.prefix_tokens(), dim((prefix + "num_prefix_tokens").c_str()));
    EXPECT_EQ(tower.mean[0], (*json_find(dims, prefix + "mean"))[0].get<float>());
    EXPECT_FALSE(tower.position_covers_prefix || tower.pre_norm || tower.quick_gelu);
  }
  EXPECT_TRUE(config.towers[0].layer_scale && !config.towers[1].layer_scale);
}

TEST_F(ConvertTest, BFloat16CheckpointWithASeparateEqualHeadIsTied) {
  ConvertOptions o = options();
  o.checkpoint = reference("checkpoint/checkpoints/latest-checkpoint-bf16.pt");
  std::vector<std::string> notes;
  o.note = [&](const std::string& note) { notes.push_back(note); };
  convert(o);
  expect_checkpoint_values(path("m.gguf"), o.checkpoint);
  EXPECT_FALSE(GgufFile(path("m.gguf")).find("output.weight"));
  EXPECT_TRUE(notes.empty());
}

TEST_F(ConvertTest, HeadOfItsOwnIsKeptWithANote) {
  EditableDict dict = EditableDict::read(reference("checkpoint/checkpoints/latest-checkpoint.pt"));
  const auto shape = dict.tensors["model/llm_backbone/llm.lm_head.weight"].shape;
  dict.set("model/llm_backbone/llm.lm_head.weight", shape, 0.5f);
  ConvertOptions o = options();
  o.checkpoint = dict.write(path("untied.safetensors"));
  std::vector<std::string> notes;
  o.note = [&](const std::string& note) { notes.push_back(note); };
  convert(o);
  const GgufFile file(path("m.gguf"));
  ASSERT_TRUE(file.find("output.weight"));
  EXPECT_EQ(file.find("output.weight")->shape, shape);
  EXPECT_EQ(values(*file.find("output.weight"))[0], 0.5f);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_THAT(notes[0], HasSubstr("output.weight"));
}

TEST_F(ConvertTest, EveryTowerFileGivesTheSameModel) {
  convert(options());
  const std::string expected = testing::file_bytes(path("m.gguf"));
  ConvertOptions o = options();
  o.dino = reference("checkpoint/dino.pt");
  o.siglip = reference("checkpoint/siglip_openclip.pt");
  convert(o);
  EXPECT_TRUE(testing::file_bytes(path("m.gguf")) == expected);
}

TEST_F(ConvertTest, PublishedPositionsAreResampled) {
  ConvertOptions o = options();
  o.dino = reference("checkpoint/dino_pretrain.safetensors");
  convert(o);
  const SafetensorsFile vision(reference("vision.safetensors"));
  const GgufFile file(path("m.gguf"));
  EXPECT_TRUE(
      testing::near(values(*file.find("dino.pos_embed")), values(*vision.find("dino.pos_embed_run")), 1e-6));
}

TEST_F(ConvertTest, TypesAreThoseOfTheSchemaAndThreadsDoNotMatter) {
  for (DType type : {DType::f16, DType::bf16, DType::q8_0, DType::q4_0, DType::q4_k}) {
    SCOPED_TRACE(name(type));
    ConvertOptions o = options(type);
    convert(o);
    const GgufFile file(path("m.gguf"));
    for (const TensorSpec& spec : tensor_specs(read_config(file))) {
      EXPECT_EQ(file.find(spec.name)->type, stored_type(spec, type)) << spec.name;
    }
    EXPECT_EQ(file.find("dino.blk.0.norm1.weight")->type, DType::f32);
    const std::string one_thread = testing::file_bytes(path("m.gguf"));
    o.threads = 3;
    convert(o);
    EXPECT_TRUE(testing::file_bytes(path("m.gguf")) == one_thread);
  }
}

TEST_F(ConvertTest, QuantisedRowsAreThoseOfTheSource) {
  convert(options(DType::q8_0));
  const GgufFile file(path("m.gguf"));
  const auto source = StateDict::open(reference("checkpoint/checkpoints/latest-checkpoint.pt"));
  const TensorEntry& found = *file.find("blk.1.ssm_in.weight");
  const std::vector<float> wanted =
      values(*source->find("model/llm_backbone/llm.backbone.layers.1.mixer.in_proj.weight"));
  std::vector<float> row(static_cast<size_t>(found.shape[1]));
  for (int64_t r = 0; r < found.shape[0]; ++r) {
    dequantize_row(found.type, found.bytes.data() + r * row_bytes(found.type, found.shape[1]), row.data(),
                   found.shape[1]);
    const std::span<const float> expected(wanted.data() + r * found.shape[1], row.size());
    float largest = 0;
    for (float value : expected) largest = std::max(largest, std::fabs(value));
    // Half a step of 1/127 of the block's largest, plus the rounding of its scale to a half float.
    ASSERT_TRUE(testing::near(row, expected, largest / 127 * 0.56)) << "row " << r;
  }
}

TEST_F(ConvertTest, LanguageModelAloneInBothNamings) {
  EditableDict llm = language_model();
  ConvertOptions o;
  std::filesystem::create_directories(path("mamba-2.8b-zephyr"));
  o.llm = llm.write(path("mamba-2.8b-zephyr/model.safetensors"));
  o.llm_config = reference("checkpoint/llm_config.json");
  o.type = DType::f32;
  o.output = path("a.gguf");
  convert(o);
  const GgufFile file(o.output);
  EXPECT_EQ(file.text("general.architecture"), "mamba");
  const ModelConfig config = read_config(file);
  EXPECT_FALSE(config.has_vision());
  EXPECT_EQ(config.prompt_template, "zephyr");
  expect_source_values(file, *StateDict::open(o.llm), "",
                       map_language_model(config.mamba, "backbone.embedding.weight"));

  llm.rename("backbone.embedding.weight",
             "backbone.embeddings.weight");  // transformers, which leaves out a tied head
  llm.tensors.erase("lm_head.weight");
  o.llm = llm.write(path("mamba-2.8b-zephyr/hf.safetensors"));
  o.llm_config =
      write("hf.json", fmt::format(R"({{"hidden_size": {}, "num_hidden_layers": {}, "vocab_size": {},
    "state_size": 16, "conv_kernel": 4, "use_bias": false, "layer_norm_epsilon": 1e-5}})",
                                   config.mamba.d_model, config.mamba.n_layer, config.mamba.vocab_size));
  o.output = path("b.gguf");
  convert(o);
  EXPECT_TRUE(testing::file_bytes(path("a.gguf")) == testing::file_bytes(path("b.gguf")));
}

TEST_F(ConvertTest, TowersAloneAreAStartForTraining) {
  ConvertOptions o = options();
  o.run_dir = o.llm_config = "";
  convert(o);
  const ModelConfig config = read_config(GgufFile(path("m.gguf")));
  EXPECT_EQ(config.towers.size(), 2U);
  EXPECT_EQ(config.mamba.n_layer, 0);
  o.siglip = "";
  convert(o);
  EXPECT_EQ(read_config(GgufFile(path("m.gguf"))).towers.size(), 1U);
}

/// A small tower of OpenAI-CLIP's kind: class token with a position, norm before the blocks, no patch bias.
EditableDict clip_tower() {
  EditableDict d;
  d.set("cls_token", {1, 1, 8}, 1);
  d.set("pos_embed", {1, 1 + 9, 8}, 2);
  d.set("patch_embed.proj.weight", {8, 3, 14, 14});
  for (const char* norm :
       {"norm_pre", "blocks.0.norm1", "blocks.0.norm2", "blocks.1.norm1", "blocks.1.norm2", "norm"}) {
    d.set(std::string(norm) + ".weight", {8}, 1);
    d.set(std::string(norm) + ".bias", {8});
  }
  for (int i = 0; i < 2; ++i) {
    const std::string block = fmt::format("blocks.{}.", i);
    for (const auto& [layer, out, in] :
         {std::tuple{"attn.qkv", 24, 8}, {"attn.proj", 8, 8}, {"mlp.fc1", 32, 8}, {"mlp.fc2", 8, 32}}) {
      d.set(block + layer + ".weight", {out, in});
      d.set(block + layer + ".bias", {out});
    }
  }
  d.set("head.weight", {5, 8});
  return d;
}

TEST_F(ConvertTest, ClipTower) {
  ConvertOptions o;
  o.clip = clip_tower().write(path("clip.safetensors"));
  o.dims = write("dims.json", R"({"clip": {"num_heads": 2, "image_size": 60}})");
  o.type = DType::f32;
  o.output = path("m.gguf");
  convert(o);
  const GgufFile file(o.output);
  const TowerConfig tower = read_config(file).towers.at(0);
  EXPECT_TRUE(tower.class_token && tower.position_covers_prefix && tower.pre_norm && tower.quick_gelu);
  EXPECT_FALSE(tower.patch_bias || tower.layer_scale);
  EXPECT_EQ(tower.norm_epsilon, 1e-5f);
  EXPECT_EQ(file.find("clip.pos_embed")->shape, (std::vector<int64_t>{17, 8})) << "3 x 3 resampled to 4 x 4";
}

TEST_F(ConvertTest, TokenizerIsStored) {
  if (testing::neox_tokenizer().empty()) GTEST_SKIP() << "GPT-NeoX's tokenizer.json is not here";
  ConvertOptions o = options(DType::bf16);
  o.run_dir = reference("checkpoint_text");
  o.llm_config = reference("checkpoint_text/llm_config.json");
  o.dims = reference("checkpoint_text/dims.json");
  o.tokenizer = testing::neox_tokenizer();
  convert(o);
  const Tokenizer tokenizer(TokenizerData::from_gguf(GgufFile(path("m.gguf"))));
  EXPECT_EQ(tokenizer.size(), 50277);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a  b")), "a  b");
}

}  // namespace
}  // namespace cobra
