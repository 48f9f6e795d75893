// Tests of json.h: limits of the parser, field access, messages.
#include "formats/json.h"

#include <gmock/gmock.h>

#include <chrono>

#include "formats/test_files.h"

namespace cobra {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

std::string parse_error(std::string_view text) {
  return error_of([&] { parse_json(text, "c.json"); });
}

TEST(Json, KeepsOrderAndValues) {
  const Json json = parse_json(R"({"z": [1, -2, 2.5, true, null, "x"], "a": {"b": {}}})", "c.json");
  EXPECT_EQ(json.dump(), R"({"z":[1,-2,2.5,true,null,"x"],"a":{"b":{}}})");
  EXPECT_EQ(parse_json("18446744073709551615", "c").get<uint64_t>(), UINT64_MAX);
  EXPECT_EQ(parse_json("\"\\u00e9\"", "c").get<std::string>(), "\u00e9");
}

TEST(Json, SyntaxErrorsNameTheSourceInOneLine) {
  for (std::string_view text :
       {"", "{", "[1,]", "{\"a\" 1}", "nul", "1e999", "\"\xff\"", "1 2", "{\"a\":\n\n!}"}) {
    const std::string message = parse_error(text);
    EXPECT_THAT(message, ::testing::StartsWith("c.json: not valid JSON: ")) << text;
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_LT(message.size(), 300u);
  }
}

TEST(Json, DepthIsLimited) {
  EXPECT_EQ(parse_error(std::string(64, '[') + std::string(64, ']')), "");
  EXPECT_THAT(parse_error(std::string(65, '[') + std::string(65, ']')), HasSubstr("nested deeper than 64"));
  EXPECT_THAT(parse_error(std::string(1 << 20, '[')), HasSubstr("nested deeper than 64"));
}

TEST(Json, EqualKeysAreRefused) {
  EXPECT_EQ(parse_error(R"({"a": {"b": 1, "c": 2, "b": 3}})"), "c.json: key 'b' appears twice in one object");
  EXPECT_EQ(parse_error(R"([{"a": 1}, {"a": 1}])"), "");
}

TEST(Json, LargeObjectsParseInLinearTime) {
  std::string text = "{\"first\":0";
  for (int i = 0; i < 300'000; ++i) text += fmt::format(",\"key{}\":{}", i, i);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(parse_json(text + "}", "c").size(), 300'001u);
  // A linear search for each key takes minutes; this takes well under a second.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(Json, FieldsByDottedPath) {
  const Json json = parse_json(R"({"m": {"d": 64, "r": 0.5, "n": null, "s": "x", "t": true}})", "c.json");
  EXPECT_EQ(json_integer(json, "m.d", "c"), 64);
  EXPECT_EQ(json_integer(json, "m.absent", "c", 7), 7);
  EXPECT_EQ(json_integer(json, "m.n", "c", 7), 7);
  EXPECT_EQ(json_number(json, "m.r", "c"), 0.5);
  EXPECT_EQ(json_number(json, "m.d", "c", 1.0), 64.0);
  EXPECT_EQ(json_text(json, "m.s", "c"), "x");
  EXPECT_EQ(json_text(json, "m.s.deeper", "c", "no"), "no");
  EXPECT_TRUE(json_boolean(json, "m.t", "c", false));
  EXPECT_EQ(json_find(json, "m.n"), nullptr);
  EXPECT_EQ(json_find(parse_json("[1]", "c"), "m"), nullptr);
}

TEST(Json, WrongFieldsAreNamed) {
  const Json json = parse_json(R"({"a": {"b": "x", "f": 1.5, "big": 9223372036854775808}})", "c.json");
  EXPECT_EQ(error_of([&] { json_integer(json, "a.b", "c.json"); }),
            "c.json: field 'a.b' must be an integer, found a string");
  EXPECT_EQ(error_of([&] { json_integer(json, "a.f", "c.json", 3); }),
            "c.json: field 'a.f' must be an integer, found a number with a fraction");
  EXPECT_EQ(error_of([&] { json_integer(json, "a.c", "c.json"); }), "c.json: field 'a.c' is missing");
  EXPECT_EQ(error_of([&] { json_text(json, "a", "c.json"); }),
            "c.json: field 'a' must be a string, found an object");
  EXPECT_EQ(error_of([&] { json_boolean(json, "a.b", "c.json", true); }),
            "c.json: field 'a.b' must be a boolean, found a string");
  EXPECT_THAT(error_of([&] { json_integer(json, "a.big", "c.json"); }),
              HasSubstr("9223372036854775808 is out of range"));
}

class JsonFileTest : public testing::FormatsTest {};

TEST_F(JsonFileTest, FilesAreLimited) {
  EXPECT_EQ(read_json(write("a.json", "[1,2]")).size(), 2u);
  EXPECT_THAT(error_of([&] { read_json(path("a.json"), 4); }), HasSubstr("limit"));
  EXPECT_THAT(error_of([&] { read_json(path("absent.json")); }), HasSubstr("absent.json: cannot open"));
}

}  // namespace
}  // namespace cobra
