// Tests of safetensors.h: round trips, the reference files, every malformed header, sparse files beyond 4
// GiB.
#include "formats/safetensors.h"

#include <gmock/gmock.h>

#include "formats/test_files.h"
#include "reference.h"

namespace cobra {
namespace {

using testing::as_bytes;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::raw;

class SafetensorsTest : public testing::FormatsTest {
 protected:
  std::string file(std::string_view header, std::string_view data = "") const {
    return write("t.safetensors", raw(uint64_t{header.size()}) + std::string(header) + std::string(data));
  }
  std::string error(std::string_view header, std::string_view data = "") const {
    return load_error(file(header, data));
  }
  static std::string load_error(const std::string& path) {
    return error_of([&] { SafetensorsFile{path}; });
  }
};

TEST_F(SafetensorsTest, ReadsBackWhatWasWritten) {
  const std::vector<float> matrix = {1, 2, 3, 4, 5, 6};
  const std::vector<int64_t> ids = {-1, 1ll << 40};
  const std::vector<uint8_t> mask = {1, 0, 1};
  write_safetensors(path("a"),
                    {{"matrix", DType::f32, {2, 3}, as_bytes(matrix)},
                     {"empty", DType::f16, {0, 7}, {}},
                     {"mask \"q\" \u00e9", DType::boolean, {3}, as_bytes(mask)},
                     {"ids", DType::i64, {2}, as_bytes(ids)},
                     {"scalar", DType::f32, {}, as_bytes(matrix).first(4)}},
                    {{"format", "pt"}, {"note", "a \"b\""}});
  const SafetensorsFile read(path("a"));
  ASSERT_EQ(read.tensors().size(), 5u);
  EXPECT_THAT(read.find("matrix")->shape, ElementsAre(2, 3));
  EXPECT_EQ(to_float32(*read.find("matrix"), "a"), matrix);
  EXPECT_EQ(read.find("empty")->elements(), 0);
  EXPECT_THAT(to_float32(*read.find("mask \"q\" \u00e9"), "a"), ElementsAre(1, 0, 1));
  EXPECT_THAT(to_float32(*read.find("ids"), "a"), ElementsAre(-1, 0x1p40f));
  EXPECT_TRUE(read.find("scalar")->shape.empty());
  EXPECT_EQ(to_float32(*read.find("scalar"), "a"), std::vector<float>{1});
  EXPECT_EQ(read.find("absent"), nullptr);
  EXPECT_EQ(read.metadata().at("note"), "a \"b\"");
}

TEST_F(SafetensorsTest, HeaderIsPaddedToEightBytes) {
  write_safetensors(path("a"), {{"t", DType::u8, {1}, as_bytes("x")}});
  const std::string bytes = testing::file_bytes(path("a"));
  uint64_t header;
  std::memcpy(&header, bytes.data(), 8);
  EXPECT_EQ(header % 8, 0u);
  EXPECT_EQ(bytes.size(), 8 + header + 1);
}

TEST_F(SafetensorsTest, ReadsTheReference) {
  const SafetensorsFile file(testing::reference("checkpoint/dino.safetensors"));
  const TensorEntry* weight = file.find("patch_embed.proj.weight");
  ASSERT_NE(weight, nullptr);
  ASSERT_EQ(weight->shape.size(), 4u);
  EXPECT_THAT(std::vector<int64_t>(weight->shape.begin() + 1, weight->shape.end()), ElementsAre(3, 14, 14));
  EXPECT_EQ(to_float32(*weight, file.path()).size(), static_cast<size_t>(weight->elements()));
}

TEST_F(SafetensorsTest, MalformedFilesAreNamed) {
  EXPECT_THAT(load_error(write("s", "1234567")), HasSubstr("the header length needs 8 bytes"));
  EXPECT_THAT(load_error(write("s", raw(uint64_t{100'000'001}) + "{}")), HasSubstr("above the limit"));
  EXPECT_THAT(load_error(write("s", raw(UINT64_MAX) + "{}")), HasSubstr("above the limit"));
  EXPECT_THAT(load_error(write("s", raw(uint64_t{3}) + "{}")), HasSubstr("the header needs 3 bytes"));
  EXPECT_THAT(error("[]"), HasSubstr("must start with '{'"));
  EXPECT_THAT(error("{\"a\""), HasSubstr("not valid JSON"));
  EXPECT_THAT(error(R"({"a": 1})"), HasSubstr("tensor 'a': field 'dtype' is missing"));
  EXPECT_THAT(error(R"({"a": {"dtype": "F8_E4M3", "shape": [], "data_offsets": [0, 1]}})", "x"),
              HasSubstr("tensor 'a': dtype 'F8_E4M3' is not supported"));
  EXPECT_THAT(error(R"({"a": {"dtype": "U8", "data_offsets": [0, 1]}})", "x"), HasSubstr("field 'shape'"));
  EXPECT_THAT(error(R"({"a": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}})", "x"),
              HasSubstr("found -1"));
  EXPECT_THAT(error(R"({"a": {"dtype": "U8", "shape": [1.0], "data_offsets": [0, 1]}})", "x"),
              HasSubstr("found 1.0"));
  EXPECT_THAT(error(R"({"a": {"dtype": "F64", "shape": [4294967296, 4294967296], "data_offsets": [0, 0]}})"),
              HasSubstr("out of range"));
  EXPECT_THAT(error(R"({"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}})", "x"),
              HasSubstr("do not lie in order within the 1 bytes"));
  EXPECT_THAT(error(R"({"a": {"dtype": "U8", "shape": [0], "data_offsets": [1, 0]}})", "x"),
              HasSubstr("in order"));
  EXPECT_THAT(error(R"({"a": {"dtype": "U8", "shape": [0], "data_offsets": [0]}})"),
              HasSubstr("data_offsets [0]"));
  EXPECT_THAT(error(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 2]}})", "xx"),
              HasSubstr("f32 [1] takes 4 bytes, but data_offsets give 2"));
  EXPECT_THAT(error(R"({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
                        "a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}})",
                    "xy"),
              HasSubstr("key 'a' appears twice"));
  EXPECT_THAT(error(R"({"__metadata__": {"n": 1}})"), HasSubstr("entry 'n' must be a string"));
}

TEST_F(SafetensorsTest, HolesOverlapsAndRestsAreRefused) {
  EXPECT_THAT(error(R"({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}})", "xy"),
              HasSubstr("tensor 'a' starts at data byte 1, expected 0"));
  EXPECT_THAT(error(R"({"a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
                        "b": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}})",
                    "xyz"),
              HasSubstr("tensor 'b' starts at data byte 1, expected 2"));
  EXPECT_THAT(error(R"({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}})", "xy"),
              HasSubstr("end at data byte 1, expected 2"));
}

TEST_F(SafetensorsTest, TensorsComeInOrderOfOffsets) {
  const SafetensorsFile read(file(R"({"b": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]},
                                     "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}})",
                                  "xy"));
  EXPECT_EQ(read.tensors()[0].name, "a");
  EXPECT_EQ(static_cast<char>(read.find("b")->bytes[0]), 'y');
}

TEST_F(SafetensorsTest, WriterRefusesWhatCannotBeRead) {
  const std::string block(34, '\0');
  EXPECT_THAT(error_of([&] {
                write_safetensors(path("a"), {{"q", DType::q8_0, {32}, as_bytes(block)}});
              }),
              HasSubstr("tensor 'q': type q8_0 cannot be written"));
  EXPECT_THAT(error_of([&] {
                write_safetensors(path("a"), {{"t", DType::u8, {3}, as_bytes("xy")}});
              }),
              HasSubstr("expected 3 bytes for [3], found 2"));
  EXPECT_THAT(error_of([&] {
                write_safetensors(path("a"), {{"t", DType::u8, {0}, {}}, {"t", DType::u8, {0}, {}}});
              }),
              HasSubstr("'t' is taken"));
  EXPECT_THAT(error_of([&] {
                write_safetensors(path("a"), {{"\xff", DType::u8, {0}, {}}});
              }),
              HasSubstr("UTF-8"));
  EXPECT_FALSE(std::filesystem::exists(path("a")));
}

TEST_F(SafetensorsTest, SurvivesTruncationAndBitFlips) {
  const std::vector<float> values = {1, 2, 3, 4};
  write_safetensors(path("valid"),
                    {{"a", DType::f32, {2, 1}, as_bytes(values).first(8)},
                     {"b", DType::f16, {4}, as_bytes(values).first(8)}},
                    {{"k", "v"}});
  const std::string valid = testing::file_bytes(path("valid"));
  const auto load = [](const std::string& p) { SafetensorsFile{p}; };
  testing::expect_every_truncation_throws(valid, path("cut"), load);
  testing::expect_bit_flips_are_survived(valid.substr(0, valid.size() - 16), path("flip"), load);
}

TEST_F(SafetensorsTest, ReadsBeyondFourGigabytes) {
  constexpr int64_t kBig = 5ll << 30;
  const std::string header = fmt::format(R"({{"big":{{"dtype":"U8","shape":[{0}],"data_offsets":[0,{0}]}},)"
                                         R"("end":{{"dtype":"U8","shape":[3],"data_offsets":[{0},{1}]}}}})",
                                         kBig, kBig + 3);
  const std::string name = file(header);
  std::filesystem::resize_file(name, 8 + header.size() + kBig);  // sparse
  std::ofstream(name, std::ios::binary | std::ios::app) << "xyz";
  const SafetensorsFile read(name);
  EXPECT_EQ(read.find("big")->elements(), kBig);
  EXPECT_EQ(static_cast<char>(read.find("end")->bytes[2]), 'z');
}

}  // namespace
}  // namespace cobra
