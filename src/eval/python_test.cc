// Tests of what imitates Python: random.shuffle, hash, json.dump, literals.
#include <gtest/gtest.h>

#include <limits>

#include "base/python_random.h"
#include "eval/python_hash.h"
#include "eval/python_json.h"
#include "eval/python_literal.h"
#include "reference.h"

namespace cobra::eval {
namespace {

TEST(PythonRandom, ShufflesAsPythonDoes) {
  const Json cases = read_json(testing::reference("metrics/python_shuffle_seed21.json"));
  ASSERT_GE(cases.size(), 6U);
  for (const Json& expected : cases) {
    std::vector<int> items(expected.size());
    for (size_t i = 0; i < items.size(); ++i) items[i] = static_cast<int>(i);
    PythonRandom(21).shuffle(items);
    EXPECT_EQ(Json(items), expected);
  }
}

TEST(PythonRandom, GivesTheNumbersOfGetrandbits) {  // [random.Random(7).getrandbits(32) ...]
  PythonRandom random(7);
  EXPECT_EQ(random.next(), 1390851128U);
  EXPECT_EQ(random.next(), 4071050724U);
  for (int i = 2; i < 700; ++i) random.next();  // past the second refill
  EXPECT_EQ(random.next(), 2724896942U);
}

TEST(PythonHash, IsThatOfPythonhashseedZero) {
  EXPECT_EQ(python_hash(""), 0);
  EXPECT_EQ(python_hash("a"), 4644417185603328019);
  EXPECT_EQ(python_hash("popular-17"), -4590985047209861248);
  EXPECT_EQ(python_hash("12345678"), 3785724242978802311);
  EXPECT_EQ(python_hash("RefCOCO+-8-16"), -719063213452023133);
}

TEST(PythonJson, WritesNumbersAsReprDoes) {
  const auto text = [](double value) { return python_json(Json(value)); };
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(1), "1.0");
  EXPECT_EQ(text(-0.0), "-0.0");
  EXPECT_EQ(text(1e-4), "0.0001");
  EXPECT_EQ(text(1e-5), "1e-05");
  EXPECT_EQ(text(0.09999999999999998), "0.09999999999999998");
  EXPECT_EQ(text(9007199254740993), "9007199254740992.0");
  EXPECT_EQ(text(1e16), "1e+16");
  EXPECT_EQ(text(1.5e300), "1.5e+300");
  EXPECT_EQ(text(std::numeric_limits<double>::quiet_NaN()), "null");
}

TEST(PythonJson, WritesTextsInAscii) {
  EXPECT_EQ(python_json(Json("a\"\\\n\t\x01\x7f\u00e9\u65e5\U0001f600/")), R"("a\"\\\n\t\u0001)"
                                                                           "\x7f"
                                                                           R"(\u00e9\u65e5\ud83d\ude00/")");
}

TEST(PythonJson, LaysOutContainersAsDumpDoes) {
  const Json value = {{"b", {1, true, nullptr}}, {"a", Json::object()}, {"c", Json::array()}};
  EXPECT_EQ(python_json(value), R"({"b": [1, true, null], "a": {}, "c": []})");
  EXPECT_EQ(python_json(value, 2),
            "{\n  \"b\": [\n    1,\n    true,\n    null\n  ],\n  \"a\": {},\n  \"c\": []\n}");
}

std::string parsed(std::string_view text) {
  const auto box = parse_box(text);
  return box ? python_json(*box) : "no box";
}

TEST(PythonLiteral, ReadsListsOfFourNumbers) {
  EXPECT_EQ(parsed("[0.1, 0.2, 0.6, 0.5]"), "[0.1, 0.2, 0.6, 0.5]");
  EXPECT_EQ(parsed(" \t[ 0 , .25,1.,1e0 , ]\n"), "[0, 0.25, 1.0, 1.0]");
  EXPECT_EQ(parsed("[False, -0, True, +1]"), "[false, 0, true, 1]");
  EXPECT_EQ(parsed("([-0.0, (0), 0x1, 0_1])"), "no box");  // 0_1 is no number
  EXPECT_EQ(parsed("([-0.0, (0), 0x1, 0b_1])"), "[-0.0, 0, 1, 1]");
  EXPECT_EQ(parsed("\n# a box\n[0, # left\n0, \\\n1,\r\n0.5]\n # end"), "[0, 0, 1, 0.5]");
  EXPECT_EQ(parsed("[1e-400, 0, 1, 1]"), "[0.0, 0, 1, 1]");
}

/// A list whose first number has a million times `signs` before it.
std::string list_behind(std::string_view signs) {
  std::string text = "[";
  for (int i = 0; i < 1'000'000; ++i) text += signs;
  return text += "1, 0, 1, 1]";
}

TEST(PythonLiteral, RefusesEverythingElse) {
  for (const char* text : {"",
                           " ",
                           "[",
                           "[]",
                           "0.1, 0.2, 0.6, 0.5",
                           "(0.1, 0.2, 0.6, 0.5)",
                           "[0, 0, 1]",
                           "[0, 0, 1, 1, 1]",
                           "[0, 0, 1, 1],",
                           "[0, 0, 1, 1].",
                           "[0, 0, 1, 1] x",
                           "x [0, 0, 1, 1]",
                           "\n [0, 0, 1, 1]",
                           "[0, 0, 1, 1]\n ",
                           "[0, 0, 1, 1]\\\n",
                           "[0 0 1 1]",
                           "[,0, 0, 1, 1]",
                           "[0, 0, 1, 1,,]",
                           "['a', 0, 1, 1]",
                           "[None, 0, 1, 1]",
                           "[[0], 0, 1, 1]",
                           "[0, 0, 1, 1j]",
                           "[0, 0, 1, 01]",
                           "[0, 0, 1, 1_]",
                           "[0, 0, 1, 1__0]",
                           "[0, 0, 1, 1e]",
                           "[0, 0, 1, --1]",
                           "[0, 0, 1, -False]",
                           "[0, 0, 1, 0+1]",
                           "[0, 0, 1, 1e400]",
                           "[0, 0, 1, nan]",
                           "[0, 0, 1, 1.1]",
                           "[-0.1, 0, 1, 1]",
                           "[0.5, 0, 0.5, 1]",
                           "[0, 0.6, 1, 0.5]",
                           "[0, 0, 1, 0xg]",
                           "[0, 0, 1, ",
                           "[0, 0, (1, 1]",
                           "[\uff10, 0, 1, 1]"}) {
    EXPECT_EQ(parsed(text), "no box") << text;
  }
  EXPECT_EQ(parsed(std::string(100000, '(')), "no box");
  EXPECT_EQ(parsed("[0, 0, 1, " + std::string(100000, '(')), "no box");
  for (const char* signs : {"-", "- +", "-(", "-(+"}) {
    EXPECT_EQ(parsed(list_behind(signs)), "no box") << signs;
  }
  EXPECT_EQ(parsed(std::string_view("[0, 0, 1, 1]\0", 13)), "no box");
}

TEST(PythonLiteral, IntersectionOverUnion) {
  EXPECT_EQ(intersection_over_union({0, 0, 1, 1}, {0, 0, 1.0, 1}), 1);
  EXPECT_NEAR(intersection_over_union({false, 0, true, 1}, {0.5, 0.5, 1.0, 1.0}), 0.25, 1e-15);
  EXPECT_EQ(intersection_over_union({0, 0, 0.5, 0.5}, {0.5, 0.5, 1.0, 1.0}), 0);
}

}  // namespace
}  // namespace cobra::eval
