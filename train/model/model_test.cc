// Towers and projectors against the official code's values; all five kinds of projector.
#include "train/model/projector.h"

#include <unistd.h>

#include <filesystem>

#include "formats/gguf.h"
#include "model/schema.h"
#include "train/model/vit.h"
#include "train/testing/reference_training.h"

namespace cobra::train::testing {
namespace {

std::map<std::string, Tensor> reference_file(const std::string& name) {
  std::map<std::string, Tensor> tensors;
  for (auto& [key, tensor] : read_tensor_file(reference(name))) tensors.emplace(key, tensor);
  return tensors;
}

bool near(const Tensor& actual, const Tensor& expected, double bound) {
  return actual.sizes() == expected.sizes() && (actual - expected).abs().max().item<double>() <= bound;
}

TEST(TowerTest, FeaturesAreTheOfficialOnes) {
  const CobraVlm model = reference_vlm();
  const NoGradGuard no_grad;
  const auto expected = reference_file("vision.safetensors");
  std::vector<Tensor> pixels;
  for (const TowerConfig& tower : model.config().towers)
    pixels.push_back(expected.at("pixel_values." + tower.name));
  EXPECT_TRUE(near(model.features(pixels), expected.at("fused_features"), 5e-5));
}

/// CLIP: a class token inside the position embedding, a norm before the blocks, quick GELU, no patch bias.
TEST(TowerTest, ClipToo) {
  const std::string folder = COBRA_SOURCE_DIR "/tests/data/clip/";
  ConvertOptions options;
  options.clip = folder + "clip.safetensors";
  options.dims = folder + "dims.json";
  options.type = DType::f32;
  options.output =
      (std::filesystem::temp_directory_path() / fmt::format("cobra_train_clip_{}.gguf", ::getpid())).string();
  convert(options);
  const GgufFile file(options.output);
  std::filesystem::remove(options.output);
  const ModelConfig config = read_config(file);
  Parameters parameters(config);
  fill_from_gguf(file, 1, parameters);

  const Vit vit = bind_vit(config.towers.at(0), tower_prefix(config, config.towers.at(0)), parameters);
  std::map<std::string, Tensor> expected;
  for (auto& [key, tensor] : read_tensor_file(folder + "expected.safetensors")) expected.emplace(key, tensor);
  const int64_t S = vit.config.image_size;
  const Tensor pixels = expected.at("pixel_values").reshape({1, 3, S, S});
  const Tensor features = vit_features(vit, pixels, Precision::float32, false);
  EXPECT_TRUE(near(features[0], expected.at("features").reshape(features[0].sizes()), 5e-5));
}

class ProjectorTest : public ::testing::TestWithParam<std::pair<std::string, ProjectorType>> {};

TEST_P(ProjectorTest, OutputIsTheOfficialOne) {
  const auto& [kind, type] = GetParam();
  const auto tensors = reference_file("projector.safetensors");
  const std::string weights = kind + ".weights.";
  const Tensor input = tensors.at(kind + ".input"), output = tensors.at(kind + ".output");
  ModelConfig config;
  const bool linear = type == ProjectorType::linear;
  const int hidden = linear ? 0 : static_cast<int>(tensors.at(weights + "projector.0.weight").size(0));
  config.projector = {type, static_cast<int>(input.size(2)), hidden, static_cast<int>(output.size(2))};
  Parameters parameters(config);
  for (Parameter& p : parameters.list()) {
    if (p.part == Part::projector) p.value.copy_(tensors.at(weights + p.mapping.source));
  }
  const Projector projector = bind_projector(config.projector, parameters);
  EXPECT_TRUE(near(project(projector, input, Precision::float32), output, 2e-5));
  for (const std::string grid : {"27x27", "14x14"}) {
    if (!tensors.contains(kind + ".input_" + grid)) continue;
    EXPECT_TRUE(near(project(projector, tensors.at(kind + ".input_" + grid), Precision::float32),
                     tensors.at(kind + ".output_" + grid), 2e-5))
        << grid;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ProjectorTest,
                         ::testing::Values(std::pair("linear", ProjectorType::linear),
                                           std::pair("gelu-mlp", ProjectorType::gelu_mlp),
                                           std::pair("fused-gelu-mlp", ProjectorType::fused_gelu_mlp),
                                           std::pair("ldpnet", ProjectorType::ldpnet),
                                           std::pair("fused-ldpnet", ProjectorType::fused_ldpnet)));

}  // namespace
}  // namespace cobra::train::testing
