#include "data/idx_file.h"

#include <zlib.h>

#include "data/test_data.h"

namespace cobra::data {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;

/// The file of an array: magic, dimensions, values.
std::string idx(const std::vector<uint32_t>& shape, std::string_view values, uint8_t type = 8) {
  std::string file{'\0', '\0', static_cast<char>(type), static_cast<char>(shape.size())};
  for (const uint32_t size : shape) {
    for (const int shift : {24, 16, 8, 0}) file += static_cast<char>(size >> shift);
  }
  return file.append(values);
}

class IdxFileTest : public ::testing::Test {
 protected:
  testing::TemporaryFolder folder_;

  std::string write(const std::string& bytes) const { return folder_.write("data.idx", bytes); }
  std::string zipped(const std::string& bytes) const {
    const std::string path = folder_.file("data.idx.gz");
    const gzFile file = gzopen(path.c_str(), "wb");
    EXPECT_EQ(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())),
              static_cast<int>(bytes.size()));
    gzclose(file);
    return path;
  }
  std::string refusal(const std::string& bytes, int64_t rank) const {
    return error_of([&] { read_idx(write(bytes), rank); });
  }
};

TEST_F(IdxFileTest, ReadsPlainAndZipped) {
  const std::string bytes = idx({3, 1, 2}, "abcdef");
  for (const std::string& path : {write(bytes), zipped(bytes)}) {
    const IdxArray array = read_idx(path, 3);
    EXPECT_THAT(array.shape, ElementsAre(3, 1, 2));
    EXPECT_THAT(array.item(0), ElementsAre('a', 'b'));
    EXPECT_THAT(array.item(2), ElementsAre('e', 'f'));
  }
}

TEST_F(IdxFileTest, ReadsMoreThanItTakesAtATime) {
  std::string values(3'000'000, '\0');
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<char>(i * 7 + i / 1000);
  const IdxArray array = read_idx(zipped(idx({3000, 1000}, values)), 2);
  EXPECT_EQ(std::string(array.values.begin(), array.values.end()), values);
}

TEST_F(IdxFileTest, NamesWhatIsWrong) {
  const std::string good = idx({2, 3}, "abcdef");
  EXPECT_EQ(refusal(good, 2), "");
  EXPECT_THAT(refusal(good, 3), HasSubstr("data.idx: 2 dimensions, expected 3"));
  EXPECT_THAT(refusal("nonsense", 2), HasSubstr("not an IDX file"));
  EXPECT_THAT(refusal(idx({2, 3}, "abcdef", 13), 2), HasSubstr("type 0x0d, expected unsigned bytes (0x08)"));
  EXPECT_THAT(refusal(idx({2, 0}, ""), 2), HasSubstr("a dimension is 0"));
  EXPECT_THAT(refusal(idx({1u << 16, 1u << 15}, ""), 2),
              HasSubstr("more values than the limit of 1073741824"));
  EXPECT_THAT(refusal(idx({UINT32_MAX, UINT32_MAX, UINT32_MAX}, ""), 3), HasSubstr("data.idx"));
  EXPECT_THAT(refusal(good + "g", 2), HasSubstr("has more bytes than its dimensions say"));
  EXPECT_THAT(error_of([&] { read_idx(folder_.file("gone"), 1); }),
              HasSubstr("gone: cannot open: No such file"));
}

TEST_F(IdxFileTest, EveryTruncationIsRefused) {
  const std::string plain = idx({2, 3}, "abcdef");
  for (size_t size = 0; size < plain.size(); ++size) {
    EXPECT_THAT(refusal(plain.substr(0, size), 2), HasSubstr("ends early")) << size;
  }
  const std::string packed = testing::file_bytes(zipped(plain));
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_NE(refusal(packed.substr(0, size), 2), "") << size;
  }
}

}  // namespace
}  // namespace cobra::data
