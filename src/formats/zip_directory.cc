#include "formats/zip_directory.h"

#include <algorithm>

#include "base/fail.h"
#include "formats/byte_reader.h"

namespace cobra {
namespace {

constexpr uint32_t kLocalSignature = 0x04034b50;
constexpr uint32_t kCentralSignature = 0x02014b50;
constexpr uint32_t kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50;
constexpr uint32_t kEnd64LocatorSignature = 0x07064b50;
constexpr uint16_t kZip64ExtraId = 1;
constexpr uint16_t kEncryptedFlag = 1;

constexpr int64_t kEndBytes = 22;
constexpr int64_t kEnd64LocatorBytes = 20;
constexpr int64_t kCentralBytes = 46;
constexpr int64_t kMaxCommentBytes = 0xffff;

// In a 16- or 32-bit field: the value stands in the ZIP64 record.
constexpr uint16_t kSee64Short = 0xffff;
constexpr uint32_t kSee64 = 0xffffffff;

/// A size or offset of the file, which must fit the file.
int64_t within(uint64_t value, std::span<const std::byte> file, std::string_view what,
               const std::string& source) {
  check(value <= file.size(), "{}: {} is {}, beyond the {} bytes of the file", source, what, value,
        file.size());
  return static_cast<int64_t>(value);
}

struct Directory {
  uint64_t members;
  uint64_t offset;
};

/// The end record stands last, followed by a comment whose length it gives.
int64_t find_end(std::span<const std::byte> file, const std::string& source) {
  const auto size = static_cast<int64_t>(file.size());
  ByteReader in(file, source);
  for (int64_t at = size - kEndBytes; at >= std::max<int64_t>(0, size - kEndBytes - kMaxCommentBytes); --at) {
    in.seek(at, "the end record");
    if (in.read<uint32_t>("the end record") != kEndSignature) continue;
    in.seek(at + kEndBytes - 2, "the end record");
    if (at + kEndBytes + in.read<uint16_t>("the end record") == size) return at;
  }
  fail("{}: not a complete zip archive: no end record", source);
}

Directory read_end64(std::span<const std::byte> file, int64_t end, const std::string& source) {
  constexpr std::string_view kWhat = "the ZIP64 end record";
  ByteReader in(file, source);
  in.seek(end - kEnd64LocatorBytes, kWhat);
  check(in.read<uint32_t>(kWhat) == kEnd64LocatorSignature, "{}: the ZIP64 locator is missing", source);
  in.read<uint32_t>(kWhat);  // disk
  in.seek(within(in.read<uint64_t>(kWhat), file, kWhat, source), kWhat);
  check(in.read<uint32_t>(kWhat) == kEnd64Signature, "{}: the ZIP64 end record is missing", source);
  in.text(8 + 2 + 2 + 4 + 4 + 8, kWhat);  // own size, versions, disks, members on this disk
  const auto members = in.read<uint64_t>(kWhat);
  in.read<uint64_t>(kWhat);  // size of the directory
  return {members, in.read<uint64_t>(kWhat)};
}

Directory read_end(std::span<const std::byte> file, const std::string& source) {
  constexpr std::string_view kWhat = "the end record";
  const int64_t end = find_end(file, source);
  ByteReader in(file, source);
  in.seek(end + 10, kWhat);
  const auto members = in.read<uint16_t>(kWhat);
  const auto directory_bytes = in.read<uint32_t>(kWhat);
  const auto offset = in.read<uint32_t>(kWhat);
  const bool is_zip64 = members == kSee64Short || directory_bytes == kSee64 || offset == kSee64;
  return is_zip64 ? read_end64(file, end, source) : Directory{members, offset};
}

/// The header of a member in the directory, before ZIP64 widening.
struct CentralHeader {
  ZipMember member;
  uint64_t compressed_bytes, bytes, local_offset;
};

/// The ZIP64 extra field holds, in this order, those values that did not fit 32 bits.
void widen(CentralHeader& header, std::string_view extra, const std::string& source) {
  if (header.bytes != kSee64 && header.compressed_bytes != kSee64 && header.local_offset != kSee64) return;
  constexpr std::string_view kWhat = "the ZIP64 sizes of a member";
  ByteReader fields(std::as_bytes(std::span(extra)), source);
  while (fields.remaining() > 0) {
    const auto id = fields.read<uint16_t>(kWhat);
    const std::string_view body = fields.text(fields.read<uint16_t>(kWhat), kWhat);
    if (id != kZip64ExtraId) continue;
    ByteReader in(std::as_bytes(std::span(body)), source);
    for (uint64_t* value : {&header.bytes, &header.compressed_bytes, &header.local_offset}) {
      if (*value == kSee64) *value = in.read<uint64_t>(kWhat);
    }
    return;
  }
  fail("{}: member '{}' lacks its ZIP64 sizes", source, printable(header.member.name));
}

CentralHeader read_central(ByteReader& in) {
  constexpr std::string_view kWhat = "the zip directory";
  check(in.read<uint32_t>(kWhat) == kCentralSignature, "{}: broken zip directory at byte {}", in.source(),
        in.position() - 4);
  in.read<uint32_t>(kWhat);  // versions
  CentralHeader header;
  header.member.encrypted = in.read<uint16_t>(kWhat) & kEncryptedFlag;
  header.member.method = in.read<uint16_t>(kWhat);
  in.text(4 + 4, kWhat);  // time, checksum
  header.compressed_bytes = in.read<uint32_t>(kWhat);
  header.bytes = in.read<uint32_t>(kWhat);
  const auto name_bytes = in.read<uint16_t>(kWhat);
  const auto extra_bytes = in.read<uint16_t>(kWhat);
  const auto comment_bytes = in.read<uint16_t>(kWhat);
  in.text(2 + 2 + 4, kWhat);  // disk, attributes
  header.local_offset = in.read<uint32_t>(kWhat);
  header.member.name = in.text(name_bytes, kWhat);
  widen(header, in.text(extra_bytes, kWhat), in.source());
  in.text(comment_bytes, kWhat);
  return header;
}

/// The local header's own name and extra field (which may differ in length from the directory's) precede the
/// data.
int64_t data_offset(std::span<const std::byte> file, const CentralHeader& header, const std::string& source) {
  constexpr std::string_view kWhat = "the local header of a member";
  ByteReader in(file, source);
  in.seek(within(header.local_offset, file, kWhat, source), kWhat);
  check(in.read<uint32_t>(kWhat) == kLocalSignature, "{}: member '{}' has no local header at byte {}", source,
        printable(header.member.name), header.local_offset);
  in.text(22, kWhat);  // versions, flags, method, time, checksum and sizes: the directory's count
  const auto name_bytes = in.read<uint16_t>(kWhat);
  const auto extra_bytes = in.read<uint16_t>(kWhat);
  const std::string_view name = in.text(name_bytes, kWhat);
  check(name == header.member.name, "{}: member '{}' is named '{}' in its local header", source,
        printable(header.member.name), printable(name));
  in.text(extra_bytes, kWhat);
  return in.position();
}

}  // namespace

std::vector<ZipMember> read_zip_directory(std::span<const std::byte> file, const std::string& source) {
  const Directory directory = read_end(file, source);
  check(directory.members <= file.size() / kCentralBytes, "{}: {} members, more than the file can hold",
        source, directory.members);
  ByteReader in(file, source);
  in.seek(within(directory.offset, file, "the zip directory", source), "the zip directory");
  std::vector<ZipMember> members;
  for (uint64_t i = 0; i < directory.members; ++i) {
    CentralHeader header = read_central(in);
    ZipMember& member = header.member;
    member.compressed_bytes = within(header.compressed_bytes, file, "the size of a member", source);
    member.data_offset = data_offset(file, header, source);
    check(member.compressed_bytes <= static_cast<int64_t>(file.size()) - member.data_offset,
          "{}: member '{}' of {} bytes at byte {} does not lie within the file", source,
          printable(member.name), member.compressed_bytes, member.data_offset);
    check(header.bytes <= uint64_t{INT64_MAX}, "{}: member '{}' has size {}, out of range", source,
          printable(member.name), header.bytes);
    member.bytes = static_cast<int64_t>(header.bytes);
    members.push_back(std::move(member));
  }
  return members;
}

}  // namespace cobra
