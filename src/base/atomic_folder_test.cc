#include "base/atomic_folder.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "test_support.h"

namespace cobra {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::error_of;
using testing::file_bytes;
using ::testing::HasSubstr;

class AtomicFolderTest : public ::testing::Test {
 protected:
  testing::TemporaryFolder folder_;
  std::string path(const std::string& name) const { return folder_.file(name); }
};

TEST_F(AtomicFolderTest, AppearsOnCommitWithAllItsFiles) {
  AtomicFolder made(path("below/new"));
  made.write("a.txt", "one");
  made.write("deep/er/b.txt", "");
  std::ofstream(made.place("c/placed.txt")) << "three";
  EXPECT_FALSE(fs::exists(path("below/new")));
  made.commit();
  EXPECT_EQ(file_bytes(path("below/new/a.txt")), "one");
  EXPECT_EQ(file_bytes(path("below/new/deep/er/b.txt")), "");
  EXPECT_EQ(file_bytes(path("below/new/c/placed.txt")), "three");
  EXPECT_EQ(fs::status(path("below/new")).permissions(), static_cast<fs::perms>(0755));
  EXPECT_EQ(std::distance(fs::directory_iterator(path("below")), {}), 1) << "no temporary folder is left";
}

TEST_F(AtomicFolderTest, WithoutCommitNothingIsLeft) {
  { AtomicFolder(path("new")).write("a/b.txt", "text"); }
  EXPECT_THAT(folder_.names(), ElementsAre());
}

TEST_F(AtomicFolderTest, AnEmptyFolderMayBeThere) {
  fs::create_directory(path("new"));
  AtomicFolder made(path("new///"));
  made.write("a.txt", "one");
  EXPECT_TRUE(fs::is_empty(path("new")));
  made.commit();
  EXPECT_THAT(folder_.names(), ElementsAre("new"));
  EXPECT_EQ(file_bytes(path("new/a.txt")), "one");
}

TEST_F(AtomicFolderTest, FollowsLinksAndDots) {
  fs::create_directory(path("empty"));
  fs::create_directory_symlink(path("empty"), path("link"));
  for (const char* name : {"link", "other/.", "other/../third"}) {
    AtomicFolder made(path(name));
    made.write("a.txt", name);
    made.commit();
  }
  EXPECT_EQ(file_bytes(path("empty/a.txt")), "link");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(file_bytes(path("other/a.txt")), "other/.");
  EXPECT_EQ(file_bytes(path("third/a.txt")), "other/../third");
  fs::create_symlink(path("nowhere"), path("dangling"));
  EXPECT_THAT(error_of([&] { AtomicFolder(path("dangling")); }), HasSubstr("a link that leads to no folder"));
  fs::create_directory(path("here"));
  const fs::path before = fs::current_path();
  fs::current_path(path("here"));
  const std::string refusal = error_of([] { AtomicFolder("."); });
  fs::current_path(before);
  EXPECT_EQ(refusal, ".: the current folder cannot be replaced: name another one");
}

TEST_F(AtomicFolderTest, IsForThoseWhomTheUserLets) {
  const mode_t before = ::umask(077);
  AtomicFolder made(path("private"));
  made.commit();
  ::umask(before);
  EXPECT_EQ(fs::status(path("private")).permissions(), fs::perms::owner_all);
}

TEST_F(AtomicFolderTest, NamesWhatStandsInTheWay) {
  folder_.write("file", "x");
  folder_.write("full/file", "x");
  EXPECT_EQ(error_of([&] { AtomicFolder(path("file")); }), path("file") + ": not a folder");
  EXPECT_EQ(error_of([&] { AtomicFolder(path("full")); }), path("full") + ": the folder is not empty");
  EXPECT_THAT(error_of([&] { AtomicFolder(path("file/below")); }), HasSubstr("/file: cannot write: "));
  AtomicFolder made(path("new"));
  made.write("a", "one");
  EXPECT_EQ(error_of([&] { made.write("a", "again"); }), path("new/a") + ": cannot write: File exists");
  EXPECT_THAT(error_of([&] { made.write("a/b", "below a file"); }), HasSubstr("cannot write: "));
}

TEST_F(AtomicFolderTest, WhatCameInBetweenIsKept) {
  AtomicFolder made(path("new"));
  made.write("a.txt", "one");
  folder_.write("new/theirs.txt", "other");
  EXPECT_THAT(error_of([&] { made.commit(); }), HasSubstr("/new: cannot write: "));
  EXPECT_EQ(file_bytes(path("new/theirs.txt")), "other");
}

}  // namespace
}  // namespace cobra
