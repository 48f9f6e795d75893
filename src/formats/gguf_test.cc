// Tests of gguf.h: round trips, byte layout, every malformed header, sparse files beyond 4 GiB.
#include "formats/gguf.h"

#include <gmock/gmock.h>

#include "formats/test_files.h"

namespace cobra {
namespace {

using testing::as_bytes;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::raw;

std::string text(std::string_view t) { return raw(uint64_t{t.size()}) + std::string(t); }

std::string key_value(std::string_view key, uint32_t type, std::string_view value) {
  return text(key) + raw(type) + std::string(value);
}

std::string tensor(std::string_view name, const std::vector<uint64_t>& innermost_first, uint32_t type,
                   uint64_t offset) {
  std::string info = text(name) + raw(static_cast<uint32_t>(innermost_first.size()));
  for (uint64_t size : innermost_first) info += raw(size);
  return info + raw(type) + raw(offset);
}

/// A file written byte by byte: header, padding to 32, data.
std::string gguf(uint64_t tensors, uint64_t keys, const std::string& body, const std::string& data = "") {
  std::string bytes = "GGUF" + raw(uint32_t{3}) + raw(tensors) + raw(keys) + body;
  bytes.resize((bytes.size() + 31) / 32 * 32);
  return bytes + data;
}

class GgufTest : public testing::FormatsTest {
 protected:
  std::string error(const std::string& bytes) const {
    const std::string file = write("t.gguf", bytes);
    return error_of([&] { GgufFile{file}; });
  }
  GgufFile load(const std::string& bytes) const { return GgufFile(write("t.gguf", bytes)); }
};

TEST_F(GgufTest, ReadsBackWhatWasWritten) {
  const std::vector<float> matrix = {1, 2, 3, 4, 5, 6};
  const std::string blocks(2 * 144, '\7');
  GgufWriter writer(path("a"));
  writer.set("general.architecture", std::string("cobra"));
  writer.set("n", int64_t{42});
  writer.set("negative", int64_t{-42});
  writer.set("huge", int64_t{1} << 40);
  writer.set("lowest", std::numeric_limits<int64_t>::min());
  writer.set("eps", 0.25);
  writer.set("flag", true);
  writer.set("ints", std::vector<int64_t>{1, -2});
  writer.set("wide", std::vector<int64_t>{1, 1ll << 40});
  writer.set("floats", std::vector<double>{0.5, -1});
  writer.set("flags", std::vector<bool>{true, false, true});
  writer.set("words", std::vector<std::string>{"", "a\n\xff"});
  writer.set("nothing", std::vector<std::string>{});
  writer.declare("matrix", DType::f32, {2, 3});
  writer.declare("scalar", DType::f32, {});
  writer.declare("empty", DType::bf16, {0, 4});
  writer.declare("quantised", DType::q4_k, {2, 256});
  writer.write_tensor(as_bytes(matrix));
  writer.write_tensor(as_bytes(matrix).first(4));
  writer.write_tensor({});
  writer.write_tensor(as_bytes(blocks));
  EXPECT_FALSE(std::filesystem::exists(path("a")));
  writer.finish();

  const GgufFile file(path("a"));
  EXPECT_EQ(file.text("general.architecture"), "cobra");
  EXPECT_EQ(file.integer("n"), 42);
  EXPECT_EQ(file.integer("negative"), -42);
  EXPECT_EQ(file.integer("huge"), 1ll << 40);
  EXPECT_EQ(file.integer("lowest"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(file.number("eps"), 0.25);
  EXPECT_EQ(file.number("n"), 42.0);
  EXPECT_TRUE(file.boolean("flag", false));
  EXPECT_THAT(file.integers("ints"), ElementsAre(1, -2));
  EXPECT_THAT(file.integers("wide"), ElementsAre(1, 1ll << 40));
  EXPECT_THAT(file.numbers("floats"), ElementsAre(0.5, -1));
  EXPECT_EQ(std::get<std::vector<bool>>(file.metadata().at("flags")), (std::vector<bool>{true, false, true}));
  EXPECT_THAT(file.texts("words"), ElementsAre("", "a\n\xff"));
  EXPECT_TRUE(file.texts("nothing").empty());
  EXPECT_EQ(file.metadata().size(), 13u);
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_THAT(file.find("matrix")->shape, ElementsAre(2, 3));
  EXPECT_EQ(to_float32(*file.find("matrix"), "a"), matrix);
  EXPECT_TRUE(file.find("scalar")->shape.empty());
  EXPECT_EQ(to_float32(*file.find("scalar"), "a"), std::vector<float>{1});
  EXPECT_THAT(file.find("empty")->shape, ElementsAre(0, 4));
  EXPECT_EQ(file.find("quantised")->type, DType::q4_k);
  EXPECT_TRUE(std::ranges::equal(file.find("quantised")->bytes, as_bytes(blocks)));
  EXPECT_EQ(file.find("absent"), nullptr);
}

TEST_F(GgufTest, WritesTheSpecifiedBytes) {
  GgufWriter writer(path("a"));
  writer.set("k", int64_t{7});
  writer.set("list", std::vector<int64_t>{-1});
  writer.declare("t", DType::i8, {2, 3});
  writer.declare("u", DType::q6_k, {256});
  writer.write_tensor(as_bytes("abcdef"));
  writer.write_tensor(as_bytes(std::string(210, 'q')));
  writer.finish();
  std::string expected =
      gguf(2, 2,
           key_value("k", 4, raw(uint32_t{7})) +
               key_value("list", 9, raw(uint32_t{5}) + raw(uint64_t{1}) + raw(int32_t{-1})) +
               tensor("t", {3, 2}, 24, 0) + tensor("u", {256}, 14, 32),
           "abcdef" + std::string(26, '\0') + std::string(210, 'q') + std::string(14, '\0'));
  EXPECT_EQ(testing::file_bytes(path("a")), expected);
}

TEST_F(GgufTest, ReadsEveryValueType) {
  const GgufFile file =
      load(gguf(0, 12,
                key_value("u8", 0, raw(uint8_t{255})) + key_value("i8", 1, raw(int8_t{-1})) +
                    key_value("u16", 2, raw(uint16_t{65535})) + key_value("i16", 3, raw(int16_t{-2})) +
                    key_value("u32", 4, raw(UINT32_MAX)) + key_value("i32", 5, raw(int32_t{-3})) +
                    key_value("f32", 6, raw(1.5f)) + key_value("bool", 7, raw(uint8_t{1})) +
                    key_value("string", 8, text("s")) + key_value("u64", 10, raw(uint64_t{INT64_MAX})) +
                    key_value("i64", 11, raw(int64_t{-4})) + key_value("f64", 12, raw(0.1))));
  EXPECT_EQ(file.integer("u8"), 255);
  EXPECT_EQ(file.integer("i8"), -1);
  EXPECT_EQ(file.integer("u16"), 65535);
  EXPECT_EQ(file.integer("i16"), -2);
  EXPECT_EQ(file.integer("u32"), int64_t{UINT32_MAX});
  EXPECT_EQ(file.integer("i32"), -3);
  EXPECT_EQ(file.number("f32"), 1.5);
  EXPECT_TRUE(file.boolean("bool", false));
  EXPECT_EQ(file.text("string"), "s");
  EXPECT_EQ(file.integer("u64"), INT64_MAX);
  EXPECT_EQ(file.integer("i64"), -4);
  EXPECT_EQ(file.number("f64"), 0.1);
}

TEST_F(GgufTest, AccessErrorsNameTheKeyAndBothKinds) {
  const GgufFile file = load(gguf(0, 1, key_value("k", 8, text("s"))));
  EXPECT_EQ(error_of([&] { file.integer("k"); }),
            path("t.gguf") + ": key 'k' must be an integer, found a string");
  EXPECT_EQ(error_of([&] { file.integer("k", 3); }),
            path("t.gguf") + ": key 'k' must be an integer, found a string");
  EXPECT_THAT(error_of([&] { file.number("k"); }), HasSubstr("must be a number, found a string"));
  EXPECT_THAT(error_of([&] { file.texts("k"); }), HasSubstr("must be an array of strings, found a string"));
  EXPECT_THAT(error_of([&] { file.text("absent"); }), HasSubstr("key 'absent' is missing"));
  EXPECT_EQ(file.integer("absent", 3), 3);
  EXPECT_EQ(file.text("absent", "d"), "d");
  EXPECT_EQ(file.number("absent", 0.5), 0.5);
}

TEST_F(GgufTest, MalformedHeadersAreNamed) {
  EXPECT_THAT(error(""), HasSubstr("the magic needs 4 bytes"));
  EXPECT_THAT(error("GGML" + raw(uint32_t{3})), HasSubstr("expected magic 'GGUF', found 'GGML'"));
  EXPECT_THAT(error("GGUF" + raw(uint32_t{2})), HasSubstr("expected GGUF version 3, found 2"));
  EXPECT_THAT(error(gguf(UINT64_MAX, 0, "")), HasSubstr("tensor count is 18446744073709551615, more than"));
  EXPECT_THAT(error(gguf(0, 1ull << 60, "")), HasSubstr("key count is 1152921504606846976, more than"));
  EXPECT_THAT(error(gguf(0, 1, text("") + std::string(16, '\0'))), HasSubstr("key of 0 bytes"));
  EXPECT_THAT(error(gguf(0, 1, raw(UINT64_MAX) + std::string(16, 'x'))),
              HasSubstr("key of 18446744073709551615 bytes"));
  EXPECT_THAT(error(gguf(0, 1, key_value("k", 13, raw(uint64_t{0})))),
              HasSubstr("key 'k': unknown value type 13"));
  EXPECT_THAT(error(gguf(0, 1, key_value("k", 7, raw(uint8_t{2})))),
              HasSubstr("a boolean must be 0 or 1, found 2"));
  EXPECT_THAT(error(gguf(0, 1, key_value("k", 8, raw(UINT64_MAX)))),
              HasSubstr("'k' needs 18446744073709551615 bytes"));
  EXPECT_THAT(error(gguf(0, 1, key_value("k", 10, raw(UINT64_MAX)))), HasSubstr("above the largest"));
  EXPECT_THAT(error(gguf(0, 1, key_value("k", 9, raw(uint32_t{9}) + raw(uint64_t{1})))),
              HasSubstr("arrays within arrays"));
  EXPECT_THAT(error(gguf(0, 1, key_value("k", 9, raw(uint32_t{99}) + raw(uint64_t{0})))),
              HasSubstr("unknown item type 99"));
  EXPECT_THAT(error(gguf(0, 1, key_value("k", 9, raw(uint32_t{4}) + raw(uint64_t{1} << 61)))),
              HasSubstr("length of the value of key 'k' is"));
  EXPECT_THAT(error(gguf(0, 2, key_value("k", 0, "x") + key_value("k", 0, "y"))),
              HasSubstr("key 'k' appears twice"));
  EXPECT_THAT(error(gguf(0, 1, key_value("general.alignment", 4, raw(uint32_t{24})))),
              HasSubstr("power of two, found 24"));
  EXPECT_THAT(error(gguf(0, 1, key_value("general.alignment", 4, raw(uint32_t{0})))),
              HasSubstr("power of two, found 0"));
  EXPECT_THAT(error(gguf(0, 1, key_value("general.alignment", 8, text("32")))),
              HasSubstr("must be an integer"));
}

TEST_F(GgufTest, MalformedTensorsAreNamed) {
  const std::string data(64, 'd');
  EXPECT_THAT(error(gguf(1, 0, tensor("t", {4}, 3, 0), data)),
              HasSubstr("tensor 't': ggml type number 3 is not supported"));
  EXPECT_THAT(error(gguf(1, 0, tensor("t", {1, 1, 1, 1, 1}, 0, 0), data)),
              HasSubstr("5 dimensions, at most 4"));
  EXPECT_THAT(error(gguf(1, 0, tensor("t", {UINT64_MAX}, 0, 0), data)),
              HasSubstr("18446744073709551615 is out of range"));
  EXPECT_THAT(error(gguf(1, 0, tensor("t", {1ull << 32, 1ull << 32}, 0, 0), data)),
              HasSubstr("out of range"));
  EXPECT_THAT(error(gguf(1, 0, tensor("t", {33}, 8, 0), data)), HasSubstr("[33] cannot be stored as q8_0"));
  EXPECT_THAT(error(gguf(1, 0, tensor("t", {4}, 0, 16), data)),
              HasSubstr("offset 16 is not a multiple of the alignment 32"));
  EXPECT_THAT(error(gguf(1, 0, tensor("t", {4}, 0, 1ull << 40), data)),
              HasSubstr("do not lie within the 64 bytes"));
  EXPECT_THAT(error(gguf(1, 0, tensor("t", {17}, 0, 0), data)),
              HasSubstr("68 bytes at data offset 0 do not lie"));
  EXPECT_THAT(error(gguf(2, 0, tensor("t", {4}, 0, 0) + tensor("t", {4}, 0, 32), data)),
              HasSubstr("'t' appears twice"));
}

TEST_F(GgufTest, TensorsMayNotOverlap) {
  const std::string data(96, 'd');
  EXPECT_EQ(
      error(gguf(2, 0, tensor("a", {16}, 0, 32) + tensor("b", {9}, 0, 0), data)),
      path("t.gguf") + ": tensor 'a' starts at data byte 32, expected 36 or more, where tensor 'b' ends");
  EXPECT_THAT(error(gguf(2, 0, tensor("a", {4}, 0, 32) + tensor("b", {4}, 0, 32), data)),
              HasSubstr("starts at data byte 32, expected 48 or more"));
  EXPECT_THAT(
      error(gguf(3, 0, tensor("a", {24}, 0, 0) + tensor("none", {0}, 0, 32) + tensor("b", {8}, 0, 64), data)),
      HasSubstr("tensor 'b' starts at data byte 64, expected 96 or more, where tensor 'a' ends"));
  EXPECT_EQ(error(gguf(2, 0, tensor("a", {8}, 0, 64) + tensor("b", {8}, 0, 0), data)), "") << "a hole";
  EXPECT_EQ(
      error(gguf(3, 0, tensor("a", {8}, 0, 0) + tensor("none", {0}, 0, 0) + tensor("b", {8}, 0, 32), data)),
      "");
}

TEST_F(GgufTest, AlignmentIsHonoured) {
  GgufWriter writer(path("a"));
  writer.set("general.alignment", int64_t{256});
  writer.declare("a", DType::i8, {1});
  writer.declare("b", DType::i8, {1});
  writer.write_tensor(as_bytes("x"));
  writer.write_tensor(as_bytes("y"));
  writer.finish();
  const GgufFile file(path("a"));
  EXPECT_EQ(file.tensors()[1].bytes.data() - file.tensors()[0].bytes.data(), 256);
  EXPECT_EQ(static_cast<char>(file.find("b")->bytes[0]), 'y');
  EXPECT_THAT(error_of([&] { GgufWriter(path("b")).set("general.alignment", int64_t{3}); }),
              HasSubstr("power of two"));
}

TEST_F(GgufTest, WriterRefusesMistakes) {
  GgufWriter writer(path("a"));
  writer.set("k", int64_t{1});
  EXPECT_THAT(error_of([&] { writer.set("k", int64_t{2}); }), HasSubstr("key 'k' set twice"));
  EXPECT_THAT(error_of([&] { writer.set("", int64_t{2}); }), HasSubstr("0 bytes, expected 1 to 1024"));
  EXPECT_THAT(error_of([&] { writer.declare("u", DType::u8, {1}); }),
              HasSubstr("type u8 cannot be written as GGUF"));
  EXPECT_THAT(error_of([&] {
                writer.declare("u", DType::f32, {1, 1, 1, 1, 1});
              }),
              HasSubstr("more than 4 dimensions"));
  EXPECT_THAT(error_of([&] { writer.declare("v", DType::q8_0, {33}); }), HasSubstr("multiple of 32"));
  writer.declare("a", DType::i8, {2});
  writer.declare("b", DType::i8, {2});
  EXPECT_THAT(error_of([&] { writer.declare("a", DType::i8, {2}); }), HasSubstr("declared twice"));
  EXPECT_THAT(error_of([&] { writer.write_tensor(as_bytes("xyz")); }),
              HasSubstr("tensor 'a': expected 2 bytes for i8 [2]"));
  writer.write_tensor(as_bytes("xy"));
  EXPECT_THAT(error_of([&] { writer.set("late", int64_t{1}); }), HasSubstr("after the header"));
  EXPECT_THAT(error_of([&] { writer.finish(); }),
              HasSubstr("1 of 2 declared tensors were written; the next is 'b'"));
  writer.write_tensor(as_bytes("zz"));
  EXPECT_THAT(error_of([&] { writer.write_tensor(as_bytes("xy")); }),
              HasSubstr("more tensors written than the 2"));
  writer.finish();
  EXPECT_THAT(error_of([&] { writer.finish(); }), HasSubstr("finished twice"));
}

TEST_F(GgufTest, FilesWithoutTensorsMayEndAtTheHeader) {
  std::string bytes =
      "GGUF" + raw(uint32_t{3}) + raw(uint64_t{0}) + raw(uint64_t{1}) + key_value("k", 0, "x");
  EXPECT_EQ(error(bytes), "");
  GgufWriter(path("none")).finish();
  EXPECT_TRUE(GgufFile(path("none")).tensors().empty());
}

TEST_F(GgufTest, SurvivesTruncationAndBitFlips) {
  const std::string header =
      key_value("arch", 8, text("x")) +
      key_value("list", 9, raw(uint32_t{8}) + raw(uint64_t{2}) + text("a") + text("bc")) +
      tensor("t", {2, 2}, 0, 0) + tensor("u", {32}, 24, 32);
  const std::string valid = gguf(2, 2, header, std::string(64, 'd'));
  const auto open = [](const std::string& p) { GgufFile{p}; };
  ASSERT_EQ(error(valid), "");
  testing::expect_every_truncation_throws(valid, path("cut"), open);
  testing::expect_bit_flips_are_survived(valid.substr(0, valid.size() - 64) + std::string(64, 'd'),
                                         path("flip"), open);
}

TEST_F(GgufTest, ReadsBeyondFourGigabytes) {
  constexpr uint64_t kBig = 5ull << 30;
  const std::string name =
      write("big", gguf(2, 0, tensor("big", {kBig}, 24, 0) + tensor("end", {3}, 24, kBig)));
  std::filesystem::resize_file(name, std::filesystem::file_size(name) + kBig);  // sparse
  std::ofstream(name, std::ios::binary | std::ios::app) << "xyz";
  const GgufFile file(name);
  EXPECT_EQ(file.find("big")->elements(), static_cast<int64_t>(kBig));
  EXPECT_EQ(static_cast<char>(file.find("end")->bytes[2]), 'z');
  file.release_pages(file.find("big")->bytes);
}

}  // namespace
}  // namespace cobra
