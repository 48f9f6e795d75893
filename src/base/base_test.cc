// Tests of the base room: halves, checked sizes, files.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/dtype.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/half.h"
#include "base/pages.h"
#include "test_support.h"

namespace cobra {
namespace {

namespace fs = std::filesystem;
using testing::error_of;

class FileTest : public ::testing::Test {
 protected:
  FileTest() { fs::create_directories(folder_); }
  ~FileTest() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return folder_ / name; }
  size_t files() const { return std::distance(fs::directory_iterator(folder_), fs::directory_iterator{}); }

 private:
  fs::path folder_ = fs::temp_directory_path() / fmt::format("cobra_base_test_{}", ::getpid());
};

TEST(Half, EveryFloat16SurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Float16 h{static_cast<uint16_t>(bits)};
    const float f = to_float(h);
    if (std::isnan(f)) {
      EXPECT_TRUE(std::isnan(to_float(to_float16(f))));
    } else {
      ASSERT_EQ(to_float16(f).bits, bits) << f;
    }
  }
}

TEST(Half, Float16RoundsToNearestEven) {
  EXPECT_EQ(to_float(to_float16(65504.0f)), 65504.0f);
  EXPECT_EQ(to_float(to_float16(65519.0f)), 65504.0f);
  EXPECT_TRUE(std::isinf(to_float(to_float16(65520.0f))));
  EXPECT_EQ(to_float(to_float16(1.0f + 0x1p-11f)), 1.0f);                // tie: to even
  EXPECT_EQ(to_float(to_float16(1.0f + 3 * 0x1p-11f)), 1.0f + 0x1p-9f);  // tie: to even, up
  EXPECT_EQ(to_float(to_float16(0x1p-25f)), 0.0f);
  EXPECT_EQ(to_float(to_float16(0x1.8p-25f)), 0x1p-24f);
}

TEST(Half, BFloat16RoundsToNearestEven) {
  EXPECT_EQ(to_bfloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(to_bfloat16(1.0f + 0x1p-8f).bits, 0x3f80);
  EXPECT_EQ(to_bfloat16(1.0f + 3 * 0x1p-8f).bits, 0x3f82);
  EXPECT_TRUE(std::isnan(to_float(to_bfloat16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(Sizes, OverflowAndNegativeThrow) {
  EXPECT_EQ(checked_mul(3, 4, "x"), 12);
  EXPECT_THROW(checked_mul(int64_t{1} << 62, 4, "x"), Error);
  EXPECT_THROW(checked_mul(-1, 4, "x"), Error);
  EXPECT_THROW(checked_add(std::numeric_limits<int64_t>::max(), 1, "x"), Error);
}

TEST(DTypes, RowBytes) {
  EXPECT_EQ(row_bytes(DType::q8_0, 64), 68);
  EXPECT_EQ(row_bytes(DType::q4_k, 512), 288);
  EXPECT_THROW(row_bytes(DType::q8_0, 33), Error);
  EXPECT_EQ(parse_dtype("q4_0"), DType::q4_0);
  EXPECT_THROW(parse_dtype("q3"), Error);
}

TEST(Messages, AreOneLine) {
  EXPECT_EQ(error_of([] { fail("{}: no", "a\nb"); }), "a\\x0ab: no");
  EXPECT_EQ(error_of([] { check(false, "{}", std::string(500, 'a') + "\x1b"); }),
            std::string(500, 'a') + "\\x1b");
  EXPECT_EQ(printable_lines("a\n\n\x1b]0;b\n"), "a\n\n\\x1b]0;b\n");
  EXPECT_EQ(printable_lines(""), "");
}

TEST(Messages, PrintableEscapesAndCuts) {
  EXPECT_EQ(printable("a\nb"), "a\\x0ab");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
  EXPECT_EQ(printable("é日🐕"), "é日🐕");
  EXPECT_EQ(printable("é日", 4), "é...") << "never half a character";
  EXPECT_EQ(printable("\xff\xd8z\xc3"), "\\xff\\xd8z\\xc3");
  EXPECT_EQ(printable("a\xc2\x9b"
                      "31mb\xc2\xa0"),
            "a\\xc2\\x9b31mb\xc2\xa0")
      << "control characters of two bytes";
}

TEST_F(FileTest, AnOutputIsNoInput) {
  std::ofstream(path("in")) << "kept";
  fs::create_symlink("in", path("link"));
  EXPECT_THROW(check_output_differs(path("in"), path("in")), Error);
  EXPECT_THROW(check_output_differs(path("link"), path("in")), Error);
  check_output_differs(path("absent"), path("in"));
  check_output_differs(path("absent"), path("absent"));
  check_output_differs(path("in"), "");
  check_output_differs(path("in"), "data:image/png;base64," + std::string(1 << 20, 'A'));
}

TEST_F(FileTest, ALinkStaysAndItsFileIsWritten) {
  fs::create_directories(path("folder"));
  fs::create_symlink("folder/file", path("link"));
  fs::create_symlink("link", path("second"));
  for (const char* text : {"new", "newer"}) {  // first it leads nowhere
    write_file(path("second"), text);
    EXPECT_EQ(read_file(path("folder/file"), 100), text);
    EXPECT_TRUE(fs::is_symlink(path("second")) && fs::is_symlink(path("link")));
  }
}

TEST_F(FileTest, AtomicFileReplacesNoDeviceAndNoFolder) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  fs::create_directories(path("folder"));
  EXPECT_THROW(AtomicFile(path("pipe")), Error);
  EXPECT_THROW(AtomicFile(path("folder")), Error);
  EXPECT_EQ(files(), 2u);
}

TEST_F(FileTest, AtomicFileAppearsOnlyOnCommit) {
  {
    AtomicFile file(path("a"));
    file.write("half");
  }
  EXPECT_EQ(files(), 0u);
  AtomicFile file(path("a"));
  const std::string big(3 << 20, 'x');
  file.write(big);
  EXPECT_FALSE(fs::exists(path("a")));
  file.commit();
  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(read_file(path("a"), 4 << 20), big);
  EXPECT_THROW(read_file(path("a"), 1 << 20), Error);
}

TEST_F(FileTest, AtomicFileOfAKilledProcessLeavesNothing) {
  const int nameless = ::open(path("").c_str(), O_WRONLY | O_TMPFILE);
  if (nameless < 0) GTEST_SKIP() << "the file system has no files without names";
  ::close(nameless);
  const pid_t child = ::fork();
  if (child == 0) {
    AtomicFile file(path("a"));
    file.write(std::string(3 << 20, 'x'));
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(files(), 0u);
}

TEST_F(FileTest, AtomicFileReplacesAFileAndKeepsTheUsualRights) {
  std::ofstream(path("a")) << "old";
  const mode_t mask = ::umask(022);
  AtomicFile file(path("a"));
  file.write("new");
  EXPECT_EQ(read_file(path("a"), 10), "old");
  file.commit();
  ::umask(mask);
  EXPECT_EQ(read_file(path("a"), 10), "new");
  struct stat info {};
  ASSERT_EQ(::stat(path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0644u);
  EXPECT_EQ(files(), 1u);
}

TEST_F(FileTest, OfTwoNewFilesTheFirstStays) {
  AtomicFile first(path("a")), second(path("a"));
  first.write("first");
  second.write("second");
  first.commit_new();
  EXPECT_EQ(error_of([&] { second.commit_new(); }), path("a") + ": cannot write: File exists");
  EXPECT_EQ(read_file(path("a"), 10), "first");
  EXPECT_EQ(files(), 1u);
}

TEST_F(FileTest, AtomicFileReplacesAPrivateFileByAPrivateOne) {
  write_file(path("a"), "old");
  fs::permissions(path("a"), fs::perms::owner_read | fs::perms::owner_write);
  write_file(path("a"), "new");
  EXPECT_EQ(fs::status(path("a")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(FileTest, AtomicFileTellsBeforeTheWorkThatItCannotTakeItsName) {
  EXPECT_THROW(AtomicFile(path(std::string(250, 'n'))), Error);  // its temporary name is longer
  EXPECT_THROW(AtomicFile(path("absent/a")), Error);
  EXPECT_EQ(files(), 0u);
}

TEST_F(FileTest, MapsAndRefusesWhatIsNotAFile) {
  std::ofstream(path("m")) << "hello";
  const MappedFile map(path("m"));
  EXPECT_EQ(map.bytes().size(), 5u);
  EXPECT_EQ(static_cast<char>(map.bytes()[4]), 'o');
  std::ofstream(path("empty"));
  EXPECT_EQ(MappedFile(path("empty")).bytes().size(), 0u);
  EXPECT_THROW(MappedFile(path("absent")), Error);
  EXPECT_THROW(MappedFile(fs::path(path("m")).parent_path()), Error);
}

TEST(Pages, WholeOnesLieInsideAndAreEmptyWhereNoneFits) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<std::byte> memory(4 * page);
  const std::span<std::byte> all(memory);
  const size_t to_page = (page - reinterpret_cast<uintptr_t>(memory.data()) % page) % page;
  const auto whole = [&](size_t first, size_t size) {
    const std::span<std::byte> pages = whole_pages(all.subspan(to_page + first, size));
    return std::pair(pages.data() - memory.data() - static_cast<ptrdiff_t>(to_page), pages.size());
  };
  const auto at = static_cast<ptrdiff_t>(page);
  EXPECT_EQ(whole(0, 2 * page), std::pair(ptrdiff_t{0}, 2 * page));
  EXPECT_EQ(whole(1, 2 * page), std::pair(at, page));
  EXPECT_EQ(whole(page, 2 * page - 1), std::pair(at, page));
  EXPECT_EQ(whole(1, 2 * page - 2).second, 0u);
  EXPECT_EQ(whole(5, 7).second, 0u);
}

/// What was written before is kept: advice that were to drop pages would show here.
TEST(Pages, HugeOnesKeepWhatIsThere) {
  std::vector<std::byte> memory(size_t{5} << 20, std::byte{7});
  prefer_huge_pages(memory);
  EXPECT_EQ(std::count(memory.begin(), memory.end(), std::byte{7}), std::ssize(memory));
}

}  // namespace
}  // namespace cobra
