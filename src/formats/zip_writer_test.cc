#include "formats/zip_writer.h"

#include "formats/test_files.h"
#include "formats/zip_archive.h"

namespace cobra {
namespace {

using testing::error_of;
using testing::file_bytes;
using ::testing::HasSubstr;

class ZipWriterTest : public testing::FormatsTest {
 protected:
  std::string written(const std::string& name,
                      const std::vector<std::pair<std::string, std::string>>& members) {
    ZipWriter writer(path(name));
    for (const auto& [member, bytes] : members) writer.add(member, bytes);
    writer.finish();
    return file_bytes(path(name));
  }
};

TEST_F(ZipWriterTest, MembersComeBackInOrder) {
  const std::vector<std::pair<std::string, std::string>> members = {
      {"00001.png", std::string("\0\xff binary", 9)},
      {"d/\xc3\xa9.txt", std::string(100'000, 'x')},
      {"empty", ""}};
  const std::string bytes = written("a.zip", members);
  const ZipArchive archive(testing::as_bytes(bytes), "a.zip");
  ASSERT_EQ(archive.members().size(), members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    const ZipMember& member = archive.members()[i];
    EXPECT_EQ(member.name, members[i].first);
    ASSERT_TRUE(ZipArchive::is_stored(member)) << member.name;
    const std::span<const std::byte> stored = archive.stored(member);
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(stored.data()), stored.size()),
              members[i].second);
  }
}

TEST_F(ZipWriterTest, SameMembersSameBytes) {
  EXPECT_EQ(written("a.zip", {{"a", "1"}, {"b", "2"}}), written("b.zip", {{"a", "1"}, {"b", "2"}}));
  EXPECT_NE(file_bytes(path("a.zip")), written("c.zip", {{"b", "2"}, {"a", "1"}}));
}

TEST_F(ZipWriterTest, WithoutFinishNothingIsWritten) {
  { ZipWriter(path("a.zip")).add("a", "1"); }
  EXPECT_FALSE(std::filesystem::exists(path("a.zip")));
}

TEST_F(ZipWriterTest, NamesTheFileAndTheReason) {
  write("there.zip", "x");
  EXPECT_EQ(error_of([&] { ZipWriter writer(path("there.zip")); }),
            path("there.zip") + ": cannot write: File already exists");
  EXPECT_EQ(file_bytes(path("there.zip")), "x");
  ZipWriter twice(path("a.zip"));
  twice.add("a", "1");
  EXPECT_THAT(error_of([&] { twice.add("a", "2"); }),
              HasSubstr("a.zip: cannot add 'a': File already exists"));
  EXPECT_THAT(error_of([&] {
                written("gone/a.zip", {{"a", "1"}});
              }),
              HasSubstr("gone/a.zip: cannot write: "));
}

}  // namespace
}  // namespace cobra
