// The readers take paths, libFuzzer gives bytes: a file in memory joins them.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "cobra/error.h"

namespace cobra::fuzz {

class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (fd_ < 0 || ::write(fd_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(fd_); }

  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

/// Calls `read(path)` on a file of these bytes. Error is a proper answer; any other exception ends the
/// fuzzer.
template <typename Read>
int run(const uint8_t* data, size_t size, Read read) {
  const MemoryFile file(data, size);
  try {
    read(file.path());
  } catch (const Error&) {
  }
  return 0;
}

/// Reads all bytes, so that a span outside its file is noticed.
template <typename Bytes>
void touch(const Bytes& bytes) {
  volatile unsigned sum = 0;
  for (const auto byte : bytes) sum = sum + static_cast<unsigned>(byte);
}

}  // namespace cobra::fuzz
