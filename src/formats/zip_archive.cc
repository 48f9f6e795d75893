#include "formats/zip_archive.h"

#include <zip.h>

#include "base/fail.h"

namespace cobra {
namespace {

constexpr uint16_t kStored = 0;
constexpr uint16_t kDeflated = 8;

std::string message(zip_error_t& error) {
  const std::string text = printable(zip_error_strerror(&error), 200);
  zip_error_fini(&error);
  return text;
}

zip_t* open_archive(std::span<const std::byte> file, const std::string& source) {
  zip_error_t error;
  zip_error_init(&error);
  constexpr int kKeepBuffer = 0;
  zip_source_t* buffer = zip_source_buffer_create(file.data(), file.size(), kKeepBuffer, &error);
  if (!buffer) fail("{}: cannot open the zip archive: {}", source, message(error));
  zip_t* archive = zip_open_from_source(buffer, ZIP_RDONLY, &error);
  if (!archive) {
    zip_source_free(buffer);
    fail("{}: cannot open the zip archive: {}", source, message(error));
  }
  zip_error_fini(&error);
  return archive;
}

}  // namespace

void ZipArchive::Close::operator()(::zip* archive) const { zip_discard(archive); }

ZipArchive::ZipArchive(std::span<const std::byte> file, std::string source)
    : file_(file),
      source_(std::move(source)),
      archive_(open_archive(file_, source_)),
      members_(read_zip_directory(file_, source_)) {
  const auto count = zip_get_num_entries(archive_.get(), 0);
  check(count == static_cast<zip_int64_t>(members_.size()), "{}: ambiguous zip directory: {} or {} members",
        source_, count, members_.size());
  for (size_t i = 0; i < members_.size(); ++i) {
    check_member(i);
    const bool is_new = index_.emplace(members_[i].name, i).second;
    check(is_new, "{}: member '{}' appears twice", source_, printable(members_[i].name));
  }
}

/// libzip and read_zip_directory read the directory independently; an archive made to look different to the
/// two is refused.
void ZipArchive::check_member(size_t i) const {
  const ZipMember& member = members_[i];
  zip_stat_t stat;
  zip_stat_init(&stat);
  const bool is_same = zip_stat_index(archive_.get(), i, ZIP_FL_ENC_RAW, &stat) == 0 &&
                       member.name == stat.name && static_cast<uint64_t>(member.bytes) == stat.size &&
                       static_cast<uint64_t>(member.compressed_bytes) == stat.comp_size &&
                       member.method == stat.comp_method;
  check(is_same, "{}: ambiguous zip directory at member '{}'", source_, printable(member.name));
  check(!member.encrypted, "{}: member '{}' is encrypted", source_, printable(member.name));
  check(member.method == kStored || member.method == kDeflated,
        "{}: member '{}' uses compression method {}, expected stored (0) or deflate (8)", source_,
        printable(member.name), member.method);
  check(member.method != kStored || member.bytes == member.compressed_bytes,
        "{}: stored member '{}' has sizes {} and {}", source_, printable(member.name), member.bytes,
        member.compressed_bytes);
}

const ZipMember* ZipArchive::find(const std::string& name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &members_[found->second];
}

std::span<const std::byte> ZipArchive::stored(const ZipMember& member) const {
  return file_.subspan(static_cast<size_t>(member.data_offset), static_cast<size_t>(member.bytes));
}

void ZipArchive::inflate(const ZipMember& member, std::span<std::byte> out) const {
  const auto file_name = printable(member.name);
  const auto close = [](zip_file_t* open) { zip_fclose(open); };
  const std::unique_ptr<zip_file_t, decltype(close)> reader(
      zip_fopen_index(archive_.get(), static_cast<zip_uint64_t>(&member - members_.data()), 0), close);
  check(reader != nullptr, "{}: cannot read member '{}': {}", source_, file_name,
        zip_strerror(archive_.get()));
  size_t done = 0;
  while (done < out.size()) {
    const zip_int64_t n = zip_fread(reader.get(), out.data() + done, out.size() - done);
    check(n > 0, "{}: member '{}' does not inflate: {}", source_, file_name,
          n == 0 ? "it ends early" : zip_file_strerror(reader.get()));
    done += static_cast<size_t>(n);
  }
  std::byte beyond;  // reading the end makes libzip compare the checksum
  check(zip_fread(reader.get(), &beyond, 1) == 0,
        "{}: member '{}' is longer than its size or fails its checksum", source_, file_name);
}

}  // namespace cobra
