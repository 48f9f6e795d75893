// Pictures, towers and projector against the official code's values.
#include <gtest/gtest.h>

#include "compare.h"
#include "engine/reference_model.h"
#include "formats/json.h"

namespace cobra::testing {
namespace {

/// "use" bounds of the reference's README.
constexpr double kPixelBound = 2e-6, kVisionBound = 5e-5, kProjectorBound = 2e-5;

/// The pictures of vision.safetensors, in the order of its batch.
std::vector<std::string> batch_pictures() {
  const SafetensorsFile file(reference("vision.safetensors"));
  const std::string list = file.metadata().at("images");
  return {list.substr(0, list.find(',')), list.substr(list.find(',') + 1)};
}

class VisionParityTest : public ::testing::TestWithParam<std::string> {};

TEST_P(VisionParityTest, EveryIntermediate) {
  const Model model = reference_model(Runtime({.threads = 2, .isa = GetParam()}));
  const ReferenceTensors expected("vision.safetensors"), projector("projector.safetensors");
  const std::vector<std::string> pictures = batch_pictures();
  for (size_t i = 0; i < pictures.size(); ++i) {
    Recorder recorder;
    const ImageEmbedding embedding =
        model.embed(Image::load(reference("image/" + pictures[i])), recorder.sink());
    const auto expect_near = [&](const std::string& name, const ReferenceTensors& file,
                                 const std::string& key, double bound) {
      ASSERT_TRUE(recorder.values.contains(name)) << name;
      EXPECT_TRUE(near(recorder.values[name], file.floats(key, static_cast<int64_t>(i)), bound))
          << pictures[i] << " " << name;
    };
    for (const TowerConfig& tower : model.config().towers) {
      expect_near("pixel_values." + tower.name, expected, "pixel_values." + tower.name, kPixelBound);
      expect_near(tower.name + ".embedded", expected, tower.name + ".embedded", kVisionBound);
      for (int block = 0; block < tower.depth; ++block) {
        const std::string name = fmt::format("{}.block{}", tower.name, block);
        expect_near(name, expected, name, kVisionBound);
      }
      expect_near(tower.name + ".features", expected, tower.name + ".features", kVisionBound);
    }
    expect_near("fused_features", expected, "fused_features", kVisionBound);
    expect_near("projector.output", projector, "checkpoint.output", kProjectorBound);
    EXPECT_EQ(embedding.tokens, model.config().towers[0].patches());
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, VisionParityTest, ::testing::ValuesIn(Runtime::available_isas()), IsaName());

TEST(VisionTest, TheSamePictureGivesTheSameBits) {
  const Model model = reference_model();
  const Image image = Image::load(reference("image/photo.jpg"));
  const ImageEmbedding first = model.embed(image), second = model.embed(image);
  EXPECT_EQ(first.values, second.values);
}

}  // namespace
}  // namespace cobra::testing
