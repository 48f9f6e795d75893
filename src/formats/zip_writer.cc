#include "formats/zip_writer.h"

#include <zip.h>

#include <utility>

#include "base/fail.h"

namespace cobra {
namespace {

constexpr size_t kShownPathBytes = 4096;
constexpr zip_uint16_t kMidnight = 0;
constexpr zip_uint16_t kFirstOfJanuary1980 = (1 << 5) | 1;  // the earliest date that zip can say

zip_t* create(const std::string& path) {
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_EXCL, &code);
  if (archive) return archive;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  const std::string reason = printable(zip_error_strerror(&error));
  zip_error_fini(&error);
  fail("{}: cannot write: {}", printable(path, kShownPathBytes), reason);
}

}  // namespace

void ZipWriter::Discard::operator()(::zip* archive) const { zip_discard(archive); }

ZipWriter::ZipWriter(std::string path) : path_(std::move(path)), archive_(create(path_)) {}

void ZipWriter::add(const std::string& name, std::string bytes) {
  const std::string& member = members_.emplace_back(std::move(bytes));
  constexpr int kKeepBuffer = 0;
  zip_source_t* source = zip_source_buffer(archive_.get(), member.data(), member.size(), kKeepBuffer);
  const zip_int64_t index =
      source ? zip_file_add(archive_.get(), name.c_str(), source, ZIP_FL_ENC_UTF_8) : -1;
  if (index < 0 && source) zip_source_free(source);
  const auto id = static_cast<zip_uint64_t>(index);
  const bool added = index >= 0 && zip_set_file_compression(archive_.get(), id, ZIP_CM_STORE, 0) == 0 &&
                     zip_file_set_dostime(archive_.get(), id, kMidnight, kFirstOfJanuary1980, 0) == 0;
  check(added, "{}: cannot add '{}': {}", printable(path_, kShownPathBytes), printable(name),
        printable(zip_strerror(archive_.get())));
}

void ZipWriter::finish() {
  if (zip_close(archive_.get()) != 0) {
    fail("{}: cannot write: {}", printable(path_, kShownPathBytes), printable(zip_strerror(archive_.get())));
  }
  (void)archive_.release();
  members_.clear();
}

}  // namespace cobra
