#include "data/idx_file.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/fail.h"

namespace cobra::data {
namespace {

constexpr size_t kShownPathBytes = 4096;
constexpr int64_t kMaxValues = int64_t{1} << 30;
constexpr size_t kChunkBytes = 1 << 20;  // memory grows with what the file has, not with what it claims
constexpr uint8_t kUnsignedByte = 8;

/// zlib's reader, which takes plain files as they are.
class GzipReader {
 public:
  explicit GzipReader(const std::string& path)
      : name_(printable(path, kShownPathBytes)), file_(gzopen(path.c_str(), "rbe"), gzclose_r) {
    if (!file_) fail("{}: cannot open: {}", name_, std::strerror(errno));
  }

  /// Exactly `bytes` bytes.
  void read(uint8_t* out, size_t bytes) {
    const size_t found = read_up_to(out, bytes);
    check(found == bytes, "{}: ends early: {} bytes are missing", name_, bytes - found);
  }

  /// Also lets zlib check the sum behind the data.
  void expect_end() {
    uint8_t more = 0;
    check(read_up_to(&more, 1) == 0, "{}: has more bytes than its dimensions say", name_);
    check(gzclose_r(file_.release()) == Z_OK, "{}: ends early", name_);
  }

  const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;

  size_t read_up_to(uint8_t* out, size_t bytes) {
    const int found = gzread(file_.get(), out, static_cast<unsigned>(bytes));
    if (found >= 0) return static_cast<size_t>(found);
    int code = 0;
    const char* reason = gzerror(file_.get(), &code);
    fail("{}: cannot read: {}", name_, code == Z_ERRNO ? std::strerror(errno) : printable(reason));
  }
};

int64_t read_big_endian(GzipReader& file) {
  std::array<uint8_t, 4> bytes{};
  file.read(bytes.data(), bytes.size());
  return int64_t{bytes[0]} << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

std::vector<int64_t> read_shape(GzipReader& file, int64_t rank) {
  std::array<uint8_t, 4> magic{};
  file.read(magic.data(), magic.size());
  check(magic[0] == 0 && magic[1] == 0, "{}: not an IDX file", file.name());
  check(magic[2] == kUnsignedByte, "{}: type {:#04x}, expected unsigned bytes (0x08)", file.name(), magic[2]);
  check(magic[3] == rank, "{}: {} dimensions, expected {}", file.name(), magic[3], rank);
  std::vector<int64_t> shape;
  for (int64_t i = 0; i < rank; ++i) shape.push_back(read_big_endian(file));
  return shape;
}

}  // namespace

std::span<const uint8_t> IdxArray::item(int64_t index) const {
  const size_t size = values.size() / static_cast<size_t>(shape[0]);
  return std::span(values).subspan(static_cast<size_t>(index) * size, size);
}

IdxArray read_idx(const std::string& path, int64_t rank) {
  GzipReader file(path);
  IdxArray array{read_shape(file, rank), {}};
  int64_t count = 1;
  for (const int64_t size : array.shape) {
    check(size > 0, "{}: a dimension is 0", file.name());
    count = checked_mul(count, size, file.name());
    check(count <= kMaxValues, "{}: more values than the limit of {}", file.name(), kMaxValues);
  }
  while (array.values.size() < static_cast<size_t>(count)) {
    const size_t done = array.values.size();
    const size_t part = std::min(kChunkBytes, static_cast<size_t>(count) - done);
    array.values.resize(done + part);
    file.read(array.values.data() + done, part);
  }
  file.expect_end();
  return array;
}

}  // namespace cobra::data
