#include "cli/progress.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <termios.h>

#include "cli/options.h"

namespace cobra {
namespace {

using std::chrono::milliseconds;

/// A terminal whose output the test reads.
class PseudoTerminal {
 public:
  PseudoTerminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    if (::grantpt(master_) == 0 && ::unlockpt(master_) == 0)
      slave_ = ::open(::ptsname(master_), O_RDWR | O_NOCTTY);
    ::fcntl(master_, F_SETFL, O_NONBLOCK);
  }
  ~PseudoTerminal() {
    ::close(slave_);
    ::close(master_);
  }

  int fd() const { return slave_; }
  /// What was written since the last call.
  std::string output() const {
    std::string text(4096, '\0');
    const ssize_t n = ::read(master_, text.data(), text.size());
    text.resize(n > 0 ? static_cast<size_t>(n) : 0);
    return text;
  }
  /// The same, once it has `wanted` in it: a busy machine draws late. Gives up after ten seconds.
  std::string output_with(const std::string& wanted) const {
    std::string text;
    for (int i = 0; i < 1000 && text.find(wanted) == std::string::npos; ++i) {
      std::this_thread::sleep_for(milliseconds(10));
      text += output();
    }
    return text;
  }

 private:
  int master_;
  int slave_ = -1;
};

TEST(Progress, DrawsABarAndTakesItAway) {
  const PseudoTerminal terminal;
  const std::string bar = "converting [===============               ] 50 % 0 s, 0 s left";
  {
    ProgressLine progress("converting", {terminal.fd(), milliseconds(1), milliseconds(5)});
    progress.update(60, 200);
    progress.update(100, 200);
    EXPECT_THAT(terminal.output_with(bar), testing::HasSubstr(bar));
  }
  EXPECT_THAT(terminal.output(), testing::EndsWith("\r\033[K"));
}

TEST(Progress, CountsSecondsWithoutATotal) {
  const PseudoTerminal terminal;
  ProgressLine progress("loading", {terminal.fd(), milliseconds(1), milliseconds(5)});
  EXPECT_THAT(terminal.output_with("loading ... 0 s"), testing::HasSubstr("loading ... 0 s"));
  progress.finish();
  progress.finish();
}

TEST(Progress, ShowsNothingForShortWork) {
  const PseudoTerminal terminal;
  { ProgressLine progress("short", {terminal.fd(), milliseconds(60'000), milliseconds(5)}); }
  EXPECT_EQ(terminal.output(), "");
}

TEST(Progress, IsSilentWithoutATerminal) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_NONBLOCK), 0);
  {
    ProgressLine progress("piped", {ends[1], milliseconds(1), milliseconds(1)});
    std::this_thread::sleep_for(milliseconds(30));
  }
  char byte = 0;
  EXPECT_EQ(::read(ends[0], &byte, 1), -1);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Options, RepeatedTextIsKeptAsGiven) {
  CLI::App app;
  const CLI::Option* texts = add_repeated_text(app, "-p,--prompt", "text");
  app.parse(std::vector<std::string>{"[a,b]", "-p", "{}", "-p", "-x", "--prompt", "",
                                     "-p"});  // last argument first
  EXPECT_THAT(texts->results(), testing::ElementsAre("", "-x", "{}", "[a,b]"));
}

}  // namespace
}  // namespace cobra
