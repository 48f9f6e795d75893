// Where a zip archive's members lie in the file.
// Source: PKWARE's APPNOTE.TXT sections 4.3 and 4.5 (ZIP64). Why not libzip alone: it reads members but does
// not tell their offsets, and members of 7 GB are to be used where they lie, in a map. Left out: several
// disks, encryption.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cobra {

struct ZipMember {
  std::string name;
  uint16_t method = 0;  // 0 stored, 8 deflated
  bool encrypted = false;
  int64_t compressed_bytes = 0;
  int64_t bytes = 0;
  int64_t data_offset = 0;  // from the file's start; the compressed bytes lie within the file
};

/// The members in the order of the central directory. Throws Error that starts with `source`.
std::vector<ZipMember> read_zip_directory(std::span<const std::byte> file, const std::string& source);

}  // namespace cobra
