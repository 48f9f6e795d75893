#include "train/run/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_support.h"
#include "train/run/chart.h"

namespace cobra::train {
namespace {

RunRecipe parse(const char* text, const RecipeFlags& flags = {}) {
  return make_recipe(parse_json(text, "recipe"), "r.json", flags);
}

std::string refusal(const char* text, const RecipeFlags& flags = {}) {
  return cobra::testing::error_of([&] { parse(text, flags); });
}

TEST(RecipeTest, DefaultsAreThePapers) {
  const RunRecipe recipe = parse("{}");
  EXPECT_EQ(recipe.stage, "finetune");
  EXPECT_EQ(recipe.epochs, 2);
  EXPECT_EQ(recipe.global_batch_size, 128);
  EXPECT_EQ(recipe.learning_rate, 2e-5);
  EXPECT_EQ(recipe.weight_decay, 0.1);
  EXPECT_EQ(recipe.warmup_ratio, 0.03);
  EXPECT_EQ(recipe.max_grad_norm, 1.0);
  EXPECT_EQ(recipe.precision, "bf16");
  EXPECT_EQ(recipe.optimizer, "adamw");
}

TEST(RecipeTest, AlignHasDefaultsOfItsOwn) {
  for (const RunRecipe& recipe : {parse(R"({"stage": "align"})"), parse("{}", {{"stage", "align"}})}) {
    EXPECT_EQ(recipe.epochs, 1);
    EXPECT_EQ(recipe.learning_rate, 1e-3);
    EXPECT_EQ(recipe.weight_decay, 0);
  }
}

TEST(RecipeTest, FlagsOverrideTheFile) {
  const RunRecipe recipe =
      parse(R"({"epochs": 3, "output": "a"})", {{"epochs", "4"}, {"learning_rate", "1e-3"}});
  EXPECT_EQ(recipe.epochs, 4);
  EXPECT_EQ(recipe.learning_rate, 1e-3);
  EXPECT_EQ(recipe.output, "a");
}

TEST(RecipeTest, WrittenAndReadIsTheSame) {
  RunRecipe recipe = parse("{}");
  recipe.learning_rate = 0.1 + 0.2;
  recipe.seed = 123456789;
  recipe.activation_checkpointing = false;
  const Json json = to_json(recipe);
  EXPECT_EQ(json.size(), recipe_fields().size());
  EXPECT_EQ(to_json(make_recipe(parse_json(json.dump(), "again"), "again", {})), json);
}

TEST(RecipeTest, ErrorsNameTheKey) {
  using ::testing::HasSubstr;
  EXPECT_THAT(refusal(R"({"epoch": 1})"), HasSubstr("r.json: key 'epoch' is unknown"));
  EXPECT_THAT(refusal(R"({"epochs": 1.5})"), HasSubstr("'epochs' must be an integer"));
  EXPECT_THAT(refusal(R"({"epochs": 0})"), HasSubstr("'epochs' must be from 1 to 1000000, found 0"));
  EXPECT_THAT(refusal(R"({"learning_rate": "fast"})"), HasSubstr("'learning_rate' must be a number"));
  EXPECT_THAT(refusal(R"({"activation_checkpointing": 1})"), HasSubstr("must be true or false"));
  EXPECT_THAT(refusal("[]"), HasSubstr("must be a JSON object"));
  EXPECT_THAT(refusal("{}", {{"global_batch_size", "12x"}}), HasSubstr("--global-batch-size"));
}

TEST(RecipeTest, WhatTheStartDoesNotReadIsRefused) {
  using ::testing::HasSubstr;
  const auto refused = [](const char* text) {
    return cobra::testing::error_of([&] { check_recipe(parse(text)); });
  };
  const char* const kParts = "goes with 'run' and 'llm' only";
  EXPECT_THAT(refused(R"({"model": "m", "dino": "d"})"), HasSubstr(kParts));
  EXPECT_THAT(refused(R"({"model": "m", "siglip": "s"})"), HasSubstr(kParts));
  EXPECT_THAT(refused(R"({"model": "m", "clip_tower": "c"})"), HasSubstr(kParts));
  EXPECT_THAT(refused(R"({"model": "m", "dims": "d"})"), HasSubstr(kParts));
  EXPECT_THAT(refused(R"({"llm": "m", "checkpoint": "c"})"), HasSubstr("'checkpoint' goes with 'run' only"));
  EXPECT_THAT(refused(R"({"model": "m", "projector": "ldpnet"})"), HasSubstr("'projector' goes with 'llm'"));
  EXPECT_THAT(refused(R"({"run": "m", "projector": "linear"})"), HasSubstr("'projector' goes with 'llm'"));
  const std::string whole = to_json(parse(R"({"model": "m"})")).dump();  // as recipe.json has it
  EXPECT_THAT(refused(whole.c_str()), HasSubstr("'data' is missing"));
}

TEST(RecipeTest, TextsAreUtf8) {
  using ::testing::HasSubstr;
  EXPECT_THAT(cobra::testing::error_of([] {
                check_recipe(parse("{}", {{"output", "runs/\xff"}}));
              }),
              HasSubstr("recipe: 'output' must be UTF-8"));
  EXPECT_THAT(refusal("{}", {{"epochs", "\xff"}}), HasSubstr("'epochs' must be an integer"));
}

TEST(ChartTest, LongRunsAndOddValuesMakeSmallPictures) {
  std::vector<double> losses(100000, 2.0);
  losses[5] = NAN;
  const std::string chart = loss_chart(losses, "a < b & c");
  EXPECT_LT(chart.size(), 100000u);
  EXPECT_EQ(chart.find("nan"), std::string::npos);
  EXPECT_NE(chart.find("a &lt; b &amp; c"), std::string::npos);
  EXPECT_TRUE(chart.ends_with("</svg>\n"));
  EXPECT_EQ(loss_chart({}, "empty").find("nan"), std::string::npos);
}

}  // namespace
}  // namespace cobra::train
