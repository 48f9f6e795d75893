// Tests of vqa_text.h and of the boxes of RefCOCO against the official code, and of the rounding.
#include "eval/vqa_text.h"

#include <gtest/gtest.h>

#include "eval/benchmarks/refer_data.h"
#include "eval/tally.h"
#include "formats/json.h"
#include "reference.h"

namespace cobra::eval {
namespace {

TEST(VqaText, NormalFormsAreTheOfficialOnes) {
  const Json cases = read_json(testing::reference("metrics/normalisation.json"));
  ASSERT_GE(cases.size(), 20U);
  for (const Json& one : cases) {
    const std::string text = one["text"];
    EXPECT_EQ(vqa_answer(text), one["vqav2"]) << text;
    EXPECT_EQ(vqa_ground_truth(text), one["vqav2_ground_truth"]) << text;
    EXPECT_EQ(vizwiz_answer(text), one["vizwiz"]) << text;
    EXPECT_EQ(text_vqa_answer(text), one["textvqa"]) << text;
    EXPECT_EQ(gqa_answer(text), one["gqa"]) << text;
  }
}

TEST(VqaText, OnlyThirtyTwoPeriodsGoAway) {
  EXPECT_EQ(vqa_answer(std::string(32, '.')), "");
  EXPECT_EQ(vqa_answer(std::string(35, '.')), "...");
  EXPECT_EQ(vqa_answer("3.5. end."), "3.5 end");
}

TEST(VqaText, DigitsOfAnyScriptCount) {
  EXPECT_EQ(vqa_answer("\u0663,\u0664-x"), "\u0663\u0664x");  // a number with a comma, so marks vanish
  EXPECT_EQ(vqa_answer(".\uff15"), ".\uff15");
}

TEST(VqaText, VizWizHasBackticks) {
  EXPECT_EQ(vqa_answer("dont cant"), "don't can't");
  EXPECT_EQ(vizwiz_answer("dont cant"), "don`t can't");
  EXPECT_EQ(vizwiz_answer("couldn'tve shed've"), "couldn`t`ve shed've");
}

TEST(RefCoco, BoxesAreNormalisedAsOfficially) {
  const Json cases = read_json(testing::reference("metrics/bbox_normalisation.json"));
  ASSERT_GE(cases.size(), 5U);
  for (const Json& one : cases) {
    const auto box = normalized_box(one["xywh"].get<std::array<double, 4>>(),
                                    one["image_wh"].get<std::array<int64_t, 2>>());
    EXPECT_EQ(Json(box), one["normalised_xyxy"]) << one;
  }
}

TEST(Rounding, IsPythonsAndNumpys) {
  EXPECT_EQ(python_round(0.125), 0.12);  // a tie goes to the even digit
  EXPECT_EQ(python_round(2.675), 2.67);  // the double is below the tie
  EXPECT_EQ(numpy_round(2.675), 2.68);   // 267.5, to the even number
  EXPECT_EQ(python_round(62.144999999), 62.14);
}

}  // namespace
}  // namespace cobra::eval
