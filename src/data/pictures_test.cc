#include "data/pictures.h"

#include <zip.h>

#include "data/test_data.h"

namespace cobra::data {
namespace {

using testing::error_of;
using ::testing::HasSubstr;

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// An archive with the member "d/1.png", stored or deflated.
void write_zip(const std::string& path, const std::string& bytes, int method) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE, nullptr);
  ASSERT_NE(archive, nullptr);
  zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
  ASSERT_EQ(zip_file_add(archive, "d/1.png", source, 0), 0);
  ASSERT_EQ(zip_set_file_compression(archive, 0, method, 0), 0);
  ASSERT_EQ(zip_close(archive), 0);
}

class PictureFolderTest : public ::testing::Test {
 protected:
  testing::TemporaryFolder folder_;
  PictureFolder pictures_{folder_.file("")};
};

TEST_F(PictureFolderTest, ReadsFilesAndMembers) {
  const std::string bytes(1000, 'p');
  folder_.write("plain.png", bytes);
  write_zip(folder_.file("stored.zip"), bytes, ZIP_CM_STORE);
  write_zip(folder_.file("deflated.zip"), bytes, ZIP_CM_DEFLATE);
  for (const char* name : {"plain.png", "stored.zip/d/1.png", "deflated.zip/d/1.png"}) {
    EXPECT_TRUE(pictures_.contains(name)) << name;
    EXPECT_EQ(text_of(pictures_.read(name)), bytes) << name;
  }
  EXPECT_FALSE(pictures_.contains("stored.zip/d/2.png"));
  EXPECT_THAT(error_of([&] { pictures_.read("stored.zip/2.png"); }),
              HasSubstr("stored.zip: no member '2.png'"));
  EXPECT_THAT(error_of([&] { pictures_.read("gone.zip/2.png"); }), HasSubstr("gone.zip/2.png"));
}

TEST_F(PictureFolderTest, AFolderMayBeCalledZip) {
  std::filesystem::create_directory(folder_.file("a.zip"));
  folder_.write("a.zip/b.png", "x");
  EXPECT_EQ(text_of(pictures_.read("a.zip/b.png")), "x");
}

TEST_F(PictureFolderTest, StaysBelowItsRoot) {
  for (const std::string name : {"/etc/passwd", "../x.png", "a/../../x.png", "", "a.zip/../../x"}) {
    EXPECT_THAT(error_of([&] { pictures_.contains(name); }), HasSubstr("must stay below")) << name;
  }
  EXPECT_THAT(error_of([&] { pictures_.read(std::string("x\0y", 3)); }), HasSubstr("must stay below"));
}

TEST_F(PictureFolderTest, ANameIsNoLongerThanAPath) {
  std::string name;
  while (name.size() + 6 <= 4096) name += "a.zip/";
  EXPECT_FALSE(pictures_.contains(name));
  name += "a.zip/";
  EXPECT_THAT(error_of([&] { pictures_.contains(name); }), HasSubstr("the name has 4098 bytes"));
}

TEST_F(PictureFolderTest, NamesABrokenPicture) {
  folder_.write("broken.jpg", "\xff\xd8\xff no more");
  folder_.write("broken.zip", "PK no more");
  EXPECT_THAT(error_of([&] { pictures_.load("broken.jpg"); }), HasSubstr("broken.jpg"));
  EXPECT_THAT(error_of([&] { pictures_.load("broken.zip/1.png"); }), HasSubstr("broken.zip"));
  EXPECT_THAT(error_of([&] { pictures_.load("gone.jpg"); }), HasSubstr("gone.jpg"));
}

}  // namespace
}  // namespace cobra::data
