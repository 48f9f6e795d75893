#include "train/ablate/grid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_support.h"
#include "train/ablate/table.h"

namespace cobra::train {
namespace {

constexpr const char* kGrid = R"({"output": "o", "seeds": [1, 2], "base": {"epochs": 2, "model": "a.gguf"},
  "axes": {"vision": {"fused": {}, "siglip": {"model": "s.gguf"}},
           "epochs": {"2": {}, "1": {"epochs": 1}, "3": {"epochs": 3}}}})";

Grid parse(const std::string& text) { return parse_grid(parse_json(text, "grid"), "grid"); }

TEST(GridTest, OneChangeAtATimeStartsFromTheBaseline) {
  const Grid grid = parse(kGrid);
  const std::vector<Cell> cells = cells_of(grid);
  ASSERT_EQ(cells.size(), 4u);
  EXPECT_EQ(cell_name(grid, cells[0]), "vision=fused,epochs=2");
  EXPECT_EQ(cell_name(grid, cells[1]), "vision=siglip,epochs=2");
  EXPECT_EQ(cell_name(grid, cells[3]), "vision=fused,epochs=3");
  EXPECT_EQ(cell_recipe(grid, cells[1])["model"], "s.gguf");
  EXPECT_EQ(cell_recipe(grid, cells[3])["epochs"], 3);
}

TEST(GridTest, AllCombinations) {
  Grid grid = parse(kGrid);
  grid.all = true;
  EXPECT_EQ(cells_of(grid).size(), 6u);
}

TEST(GridTest, ErrorsNameTheKey) {
  using ::testing::HasSubstr;
  const auto refusal = [](const std::string& rest) {
    return cobra::testing::error_of([&] { parse(R"({"output": "o", "base": {})" + rest + "}"); });
  };
  EXPECT_THAT(refusal(R"(, "axis": {})"), HasSubstr("grid: key 'axis' is unknown"));
  EXPECT_THAT(refusal(""), HasSubstr("grid: 'axes' must be an object"));
  EXPECT_THAT(refusal(R"(, "axes": {"a/b": {"x": {}}})"), HasSubstr("'a/b' is no name"));
  EXPECT_THAT(refusal(R"(, "axes": {"a": {}})"), HasSubstr("axis 'a' must be an object of choices"));
  EXPECT_THAT(refusal(R"(, "axes": {}, "seeds": [])"), HasSubstr("'seeds' must be a list of integers"));
  EXPECT_THAT(refusal(R"(, "axes": {}, "seeds": [3, 4, 3])"), HasSubstr("'seeds' names 3 twice"));
  const std::string later = R"(, "axes": {"a": {"x": {"seed": 1}}, "b": {"y": {}, "z": {"seed": 2}}})";
  EXPECT_THAT(refusal(later + R"(, "mode": "all")"), HasSubstr("axes 'a' and 'b' both set 'seed'"));
  EXPECT_EQ(refusal(later), "");
  const std::string baseline = R"(, "axes": {"a": {"x": {}, "z": {"seed": 1}}, "b": {"y": {"seed": 2}}})";
  EXPECT_THAT(refusal(baseline), HasSubstr("axes 'a' and 'b' both set 'seed'"));
}

TEST(TableTest, MeanAndSpread) {
  EXPECT_DOUBLE_EQ(spread_of({1, 2, 3}).mean, 2);
  EXPECT_DOUBLE_EQ(*spread_of({1, 2, 3}).deviation, 1);
  EXPECT_FALSE(spread_of({4}).deviation);
  const Grid grid = parse(kGrid);
  const std::vector<CellResult> results(4, CellResult{{1.0, 3.0}, {}});
  EXPECT_NE(markdown_table(grid, results).find("| siglip | 2 | 2 | 2.0000 ± 1.4142 |"), std::string::npos);
  EXPECT_NE(csv_table(grid, results).find("fused,3,2,2,1.4142135623730951"), std::string::npos);
}

}  // namespace
}  // namespace cobra::train
