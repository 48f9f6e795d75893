// A third kind of tower through the same interface: OpenAI's CLIP as timm builds it (class token in the
// position embedding, a norm before the blocks, quick GELU, no patch bias), against timm's own values.
#include <gtest/gtest.h>

#include "compare.h"
#include "engine/reference_model.h"
#include "model/bind.h"
#include "model/schema.h"

namespace cobra::testing {
namespace {

std::string fixture(const std::string& name) { return COBRA_SOURCE_DIR "/tests/data/clip/" + name; }

class ClipParityTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ClipParityTest, EveryBlock) {
  ConvertOptions o;
  o.clip = fixture("clip.safetensors");
  o.dims = fixture("dims.json");
  o.type = DType::f32;
  o.output = scratch_folder() / "clip.gguf";
  convert(o);
  const GgufFile file(o.output);
  const TowerConfig tower = read_config(file).towers.at(0);
  WeightStore store(file, 1);
  const VitWeights weights = bind_tower(tower, store);

  const SafetensorsFile expected(fixture("expected.safetensors"));
  const std::vector<float> pixels = to_float32(*expected.find("pixel_values"), "");
  std::vector<float> features(static_cast<size_t>(tower.patches() * tower.embed_dim));
  Recorder recorder;
  Workspace workspace;
  const Kernels k(Runtime({.isa = GetParam()}).kernels(), 2, workspace, Phase::prefill);
  vit_forward(k, tower, weights, {pixels.data(), 3, std::ssize(pixels) / 3},
              {features.data(), tower.patches(), tower.embed_dim}, recorder.sink());
  for (const TensorEntry& tensor : expected.tensors()) {
    if (tensor.name == "pixel_values") continue;
    const std::vector<float>& actual =
        tensor.name == "features" ? features : recorder.values["clip." + tensor.name];
    EXPECT_TRUE(near(actual, to_float32(tensor, ""), 5e-5)) << tensor.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, ClipParityTest, ::testing::ValuesIn(Runtime::available_isas()), IsaName());

}  // namespace
}  // namespace cobra::testing
