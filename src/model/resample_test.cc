// Tests of resample.h against torch's own result (dino.pos_embed_run) and by properties.
#include "model/resample.h"

#include <gmock/gmock.h>

#include <cmath>

#include "compare.h"
#include "model/model_test_files.h"

namespace cobra {
namespace {

std::vector<float> tensor(const std::string& file, const std::string& name) {
  const SafetensorsFile dict(testing::reference(file));
  return to_float32(*dict.find(name), file);
}

int64_t grid_of(const std::string& name, int64_t width) {
  return std::llround(std::sqrt(static_cast<double>(tensor("vision.safetensors", name).size()) / width));
}

TEST(Resample, EqualsTorchsAntialiasedBicubic) {
  const SafetensorsFile dict(testing::reference("vision.safetensors"));
  const int64_t width = dict.find("dino.pos_embed_pretrain")->shape.back();
  const int64_t from = grid_of("dino.pos_embed_pretrain", width), to = grid_of("dino.pos_embed_run", width);
  ASSERT_NE(from, to);
  const std::vector<float> expected = tensor("vision.safetensors", "dino.pos_embed_run");
  const std::vector<float> found =
      resample_positions(tensor("vision.safetensors", "dino.pos_embed_pretrain"), 0, from, to, width);
  EXPECT_TRUE(testing::near(found, expected, 1e-6));  // float32 sums of at most 7 x 7 terms
}

TEST(Resample, KeepsPrefixRowsAndConstants) {
  for (const auto& [from, to] : {std::pair{5, 3}, {3, 7}, {1, 4}, {37, 27}}) {
    std::vector<float> table(static_cast<size_t>(2 * (2 + from * from)), 0.75f);
    table[0] = 11, table[1] = 12, table[2] = 13, table[3] = 14;
    const std::vector<float> found = resample_positions(table, 2, from, to, 2);
    ASSERT_EQ(found.size(), static_cast<size_t>(2 * (2 + to * to)));
    EXPECT_EQ(std::vector<float>(found.begin(), found.begin() + 4), (std::vector<float>{11, 12, 13, 14}));
    for (size_t i = 4; i < found.size(); ++i) ASSERT_NEAR(found[i], 0.75f, 1e-6f);
  }
}

TEST(Resample, RowsAndColumnsAreNotExchanged) {
  // Values that grow along rows of the grid only.
  std::vector<float> table;
  for (int i = 0; i < 16; ++i) table.push_back(static_cast<float>(i / 4));
  const std::vector<float> found = resample_positions(table, 0, 4, 2, 1);
  EXPECT_FLOAT_EQ(found[0], found[1]);
  EXPECT_LT(found[0] + 1, found[2]);
}

TEST(Resample, WrongSizeIsAnError) {
  EXPECT_THAT(testing::error_of([] { resample_positions(std::vector<float>(10), 1, 3, 2, 2); }),
              ::testing::HasSubstr("expected 20 values"));
}

}  // namespace
}  // namespace cobra
