// Tests of convert.h on wrong input: each error names the file, the tensor or field, what was expected and
// found, and leaves no file behind.
#include <gmock/gmock.h>

#include <limits>

#include "formats/json.h"
#include "model/convert.h"
#include "model/model_test_files.h"

namespace cobra {
namespace {

using ::testing::AllOf;
using testing::EditableDict;
using ::testing::HasSubstr;

/// The repository's own set whatever COBRA_REFERENCE says: the messages below quote its sizes.
std::string reference(const std::string& name) { return COBRA_SOURCE_DIR "/tests/data/reference/" + name; }

class ConvertErrorTest : public testing::ModelFileTest {
 protected:
  ConvertErrorTest() {
    std::filesystem::create_directories(path("out"));
    good_.run_dir = reference("checkpoint");
    good_.dino = reference("checkpoint/dino.safetensors");
    good_.siglip = reference("checkpoint/siglip.safetensors");
    good_.dims = reference("dims.json");
    good_.type = DType::q8_0;
    good_.output = path("out/m.gguf");
  }

  std::string error(const ConvertOptions& options) const {
    const std::string message = testing::error_of([&] { convert(options); });
    EXPECT_TRUE(std::filesystem::is_empty(path("out"))) << "something was left behind";
    return message;
  }
  /// With one field of config.json replaced.
  std::string config_error(const std::string& field, const Json& value) const {
    Json config = read_json(reference("checkpoint/config.json"));
    config["model"][field] = value;
    write("run/config.json", config.dump());
    ConvertOptions options = good_;
    options.run_dir = path("run");
    options.checkpoint = reference("checkpoint/checkpoints/latest-checkpoint.pt");
    return error(options);
  }
  /// With a changed checkpoint, SigLIP or DINO.
  std::string checkpoint_error(const std::function<void(EditableDict&)>& change) const {
    return changed_error(&ConvertOptions::checkpoint, "checkpoint/checkpoints/latest-checkpoint.pt", change);
  }
  std::string dino_error(const std::function<void(EditableDict&)>& change) const {
    return changed_error(&ConvertOptions::dino, "checkpoint/dino.safetensors", change);
  }
  std::string dims_error(const std::string& json) const {
    ConvertOptions options = good_;
    options.dims = write("dims.json", json);
    return error(options);
  }

  ConvertOptions good_;

 private:
  std::string changed_error(std::string ConvertOptions::*field, const std::string& source,
                            const std::function<void(EditableDict&)>& change) const {
    EditableDict dict = EditableDict::read(reference(source));
    change(dict);
    ConvertOptions options = good_;
    options.*field = dict.write(path("changed.safetensors"));
    return error(options);
  }
};

constexpr const char* kLayer = "model/llm_backbone/llm.backbone.layers.2.";

TEST_F(ConvertErrorTest, ConfigIsCheckedFieldByField) {
  EXPECT_THAT(config_error("arch_specifier", "no-align+mlp"),
              AllOf(HasSubstr("config.json"), HasSubstr("arch_specifier"), HasSubstr("'no-align+mlp'")));
  EXPECT_THAT(config_error("arch_specifier", "ldpnet"), HasSubstr("'ldpnet' is not supported"));
  EXPECT_THAT(config_error("arch_specifier", 3), HasSubstr("must be a string"));
  EXPECT_THAT(config_error("vision_backbone_id", "resnet-50"),
              AllOf(HasSubstr("'resnet-50'"), HasSubstr("dinosiglip-vit-so-384px")));
  EXPECT_THAT(config_error("vision_backbone_id", "dinoclip-vit-l-336px"),
              HasSubstr("weights with --clip-tower FILE"));
  EXPECT_THAT(config_error("vision_backbone_id", "dinov2-vit-l"), HasSubstr("leave --siglip out"));
  EXPECT_THAT(config_error("llm_backbone_id", "llama-7b"), HasSubstr("'llama-7b'"));
  EXPECT_THAT(config_error("image_resize_strategy", "corner-pad"),
              AllOf(HasSubstr("resize_strategy"), HasSubstr("corner-pad")));
  // Another projector than the weights have.
  EXPECT_THAT(
      config_error("arch_specifier", "gelu-mlp"),
      AllOf(HasSubstr("projector.0.weight"), HasSubstr("expected shape [64, 112], found [448, 112]")));
  EXPECT_THAT(config_error("arch_specifier", "linear"),
              HasSubstr("'model/projector/projector.weight' is missing"));
  EXPECT_THAT(config_error("arch_specifier", "fused-ldpnet"),
              HasSubstr("projector.4.peg.0.weight' is missing"));
}

TEST_F(ConvertErrorTest, EveryTensorIsCheckedByNameAndShape) {
  const std::string conv = std::string(kLayer) + "mixer.conv1d.weight";
  EXPECT_THAT(checkpoint_error([&](EditableDict& d) { d.tensors.erase(conv); }),
              AllOf(HasSubstr("changed.safetensors"), HasSubstr(conv),
                    HasSubstr("missing, expected shape [128, 1, 4]")));
  EXPECT_THAT(checkpoint_error([&](EditableDict& d) {
                d.set(conv, {128, 4});
              }),
              AllOf(HasSubstr(conv), HasSubstr("expected shape [128, 1, 4], found [128, 4]")));
  EXPECT_THAT(
      checkpoint_error([&](EditableDict& d) { d.set(std::string(kLayer) + "mixer.in_proj.bias", {256}); }),
      AllOf(HasSubstr("mixer.in_proj.bias' of shape [256] is unexpected")));
  EXPECT_THAT(checkpoint_error([&](EditableDict& d) { d.set("model/projector/projector.6.weight", {1}); }),
              HasSubstr("'model/projector/projector.6.weight' of shape [1] is unexpected"));
  EXPECT_THAT(checkpoint_error([&](EditableDict& d) { d.set("model/llm_backbone/other.weight", {1}); }),
              HasSubstr("'model/llm_backbone/other.weight' of shape [1] is unexpected"));
  EXPECT_THAT(
      checkpoint_error([&](EditableDict& d) { d.tensors.erase("model/llm_backbone/llm.lm_head.weight"); }),
      HasSubstr("lm_head.weight' is missing"));
  EXPECT_THAT(checkpoint_error([&](EditableDict& d) { d.tensors[conv].type = DType::i32; }),
              AllOf(HasSubstr(conv), HasSubstr("found i32")));
}

TEST_F(ConvertErrorTest, OddStructuresAreNamed) {
  EXPECT_THAT(
      checkpoint_error([](EditableDict& d) {
        d.set("model/llm_backbone/llm.backbone.embedding.weight", {int64_t{1} << 40, 0});
      }),
      AllOf(HasSubstr("changed.safetensors"), HasSubstr("embedding.weight': dimension 0: expected 0 to"),
            HasSubstr("found 1099511627776")));
  EXPECT_THAT(checkpoint_error([](EditableDict& d) {
                std::erase_if(d.tensors,
                              [](const auto& t) { return t.first.starts_with("model/projector/"); });
              }),
              HasSubstr("model/projector and model/llm_backbone"));
  EXPECT_THAT(checkpoint_error([](EditableDict& d) {
                d.set("model/llm_backbone/llm.backbone.layers.999999999999.norm.weight", {1});
              }),
              AllOf(HasSubstr("layers.999999999999"), HasSubstr("0 to 1023")));
  EXPECT_THAT(checkpoint_error([](EditableDict& d) {
                d.set("model/llm_backbone/llm.backbone.layers.1000.norm.weight", {64});
              }),
              AllOf(HasSubstr("'mamba.n_layer' is 4"), HasSubstr("has 1001")));
  EXPECT_THAT(checkpoint_error([](EditableDict& d) {
                d.set("model/llm_backbone/llm.backbone.layers.x.norm.weight", {64});
              }),
              HasSubstr("layers.x"));
  EXPECT_THAT(checkpoint_error([](EditableDict& d) {
                d.set("model/llm_backbone/llm.backbone.embedding.weight", {0, 0});
              }),
              HasSubstr("embedding.weight"));
  EXPECT_THAT(checkpoint_error([](EditableDict& d) {
                d.set(std::string(kLayer) + "mixer.D", {128}, std::numeric_limits<float>::quiet_NaN());
              }),
              AllOf(HasSubstr("mixer.D"), HasSubstr("finite"), HasSubstr("nan")));
}

TEST_F(ConvertErrorTest, TowersAreChecked) {
  EXPECT_THAT(dino_error([](EditableDict& d) { d.tensors.erase("blocks.1.ls2.gamma"); }),
              HasSubstr("'blocks.1.ls2.gamma' is missing, expected shape [48]"));
  EXPECT_THAT(dino_error([](EditableDict& d) { d.set("blocks.1.attn.q_norm.weight", {12}); }),
              HasSubstr("'blocks.1.attn.q_norm.weight' of shape [12] is unexpected"));
  EXPECT_THAT(dino_error([](EditableDict& d) {
                d.set("pos_embed", {1, 35, 48});
              }),
              HasSubstr("square grid, found 35"));
  EXPECT_THAT(dino_error([](EditableDict& d) { d.tensors.erase("patch_embed.proj.weight"); }),
              HasSubstr("'patch_embed.proj.weight' is missing"));
  EXPECT_THAT(dino_error([](EditableDict& d) {
                d.set("patch_embed.proj.weight", {48, 3, 14, 16});
              }),
              HasSubstr("expected shape [48, 3, 14, 14], found [48, 3, 14, 16]"));
  EXPECT_THAT(dino_error([](EditableDict& d) { d.set("visual.trunk.x", {1}); }), HasSubstr("is unexpected"));
}

TEST_F(ConvertErrorTest, UnknownTowerAsksForDims) {
  ConvertOptions options = good_;
  options.dims = "";
  EXPECT_THAT(error(options), AllOf(HasSubstr("dino.safetensors"), HasSubstr("heads"), HasSubstr("width 48"),
                                    HasSubstr("'dino.num_heads'"), HasSubstr("--dims")));
}

TEST_F(ConvertErrorTest, DimsThatContradictTheWeights) {
  EXPECT_THAT(dims_error(R"({"dino": {"embed_dim": 64}})"),
              AllOf(HasSubstr("dims.json: field 'dino.embed_dim' is 64"), HasSubstr("has 48")));
  EXPECT_THAT(dims_error(R"({"mamba": {"dt_rank": 5}})"), HasSubstr("field 'mamba.dt_rank' is 5"));
  EXPECT_THAT(dims_error(R"({"image_size": 90, "dino": {"num_heads": 7}, "siglip": {"num_heads": 4}})"),
              HasSubstr("num_heads"));
  EXPECT_THAT(dims_error(R"({"dino": {"num_heads": "4"}})"),
              HasSubstr("'dino.num_heads' must be an integer"));
  EXPECT_THAT(
      dims_error(
          R"({"image_size": 9223372036854775807, "dino": {"num_heads": 4}, "siglip": {"num_heads": 4}})"),
      HasSubstr("field 'image_size': expected 0 to 16777216, found 9223372036854775807"));
  EXPECT_THAT(
      dims_error(R"({"dino": {"num_heads": 4, "activation": "gelu_tanh"}, "siglip": {"num_heads": 4}})"),
      HasSubstr("'gelu_tanh'"));
  EXPECT_THAT(dims_error("[1]"), HasSubstr("dims.json"));
}

TEST_F(ConvertErrorTest, LanguageModelConfigThatContradictsTheWeights) {
  ConvertOptions options = good_;
  const auto llm_error = [&](const std::string& json) {
    options.llm_config = write("llm.json", json);
    return error(options);
  };
  EXPECT_THAT(llm_error(R"({"d_model": 2560})"),
              AllOf(HasSubstr("llm.json: field 'd_model' is 2560"), HasSubstr("has 64")));
  EXPECT_THAT(llm_error(R"({"n_layer": 64})"), HasSubstr("field 'n_layer' is 64"));
  EXPECT_THAT(llm_error(R"({"vocab_size": 50277})"), HasSubstr("'vocab_size' is 50277"));
  EXPECT_THAT(llm_error(R"({"vocab_size": 509, "pad_vocab_size_multiple": 1})"), HasSubstr("512 rows"));
  EXPECT_THAT(llm_error(R"({"pad_vocab_size_multiple": 0})"), HasSubstr("found 0"));
  EXPECT_THAT(llm_error(R"({"ssm_cfg": {"d_state": 128}})"), HasSubstr("'ssm_cfg.d_state' is 128"));
  EXPECT_THAT(llm_error(R"({"rms_norm": false})"), HasSubstr("'rms_norm': expected true"));
}

TEST_F(ConvertErrorTest, FilesThatAreNotWhatTheyShouldBe) {
  ConvertOptions options = good_;
  const std::string whole = testing::file_bytes(reference("checkpoint/checkpoints/latest-checkpoint.pt"));
  options.checkpoint = write("cut.pt", whole.substr(0, whole.size() / 2));
  EXPECT_THAT(error(options), HasSubstr("cut.pt"));
  options.checkpoint = write("text.pt", "hello");
  EXPECT_THAT(error(options), HasSubstr("text.pt"));
  options.checkpoint = path("nothing.pt");
  EXPECT_THAT(error(options), HasSubstr("nothing.pt"));
  options = good_;
  options.run_dir = path("nowhere");
  EXPECT_THAT(error(options), HasSubstr("nowhere/config.json"));
  options = good_;
  options.dino = good_.siglip;
  EXPECT_THAT(error(options), AllOf(HasSubstr("siglip.safetensors"), HasSubstr("has 64")));
}

TEST_F(ConvertErrorTest, OutputThatCannotBeWritten) {
  ConvertOptions options = good_;
  options.output = path("no/such/folder/m.gguf");
  EXPECT_THAT(error(options), HasSubstr("no/such/folder"));
  options.dino = path("dino.safetensors");
  std::filesystem::copy_file(good_.dino, options.dino);
  options.output = options.dino;
  EXPECT_THAT(error(options), HasSubstr("output is the input"));
}

TEST_F(ConvertErrorTest, OptionsThatExcludeEachOther) {
  ConvertOptions options;
  options.output = path("out/m.gguf");
  EXPECT_THAT(error(options), HasSubstr("nothing to convert"));
  options.llm = good_.dino;
  options.dino = good_.dino;
  EXPECT_THAT(error(options), HasSubstr("leave the towers out"));
  options.run_dir = good_.run_dir;
  EXPECT_THAT(error(options), HasSubstr("exclude each other"));
  options = good_;
  options.run_dir = "";
  options.tokenizer = "t.json";
  EXPECT_THAT(error(options), HasSubstr("towers alone"));
}

}  // namespace
}  // namespace cobra
