// Test support: writes pickles and archives, well-formed or not, the way torch.save lays them out.
#pragma once

#include <zip.h>

#include <string>
#include <vector>

#include "formats/test_files.h"

// GCC 12 warns of overlap in every `"literal" + std::string()` (its bug 105651).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wrestrict"
#endif

namespace cobra::testing {

// Pieces of pickle programs, to be concatenated.
namespace op {

inline std::string program(const std::string& body) { return "\x80\x02" + body + "."; }
inline std::string text(std::string_view t) {
  return "X" + raw(static_cast<uint32_t>(t.size())) + std::string(t);
}
inline std::string integer(int32_t v) { return "J" + raw(v); }
inline std::string big_integer(int64_t v) { return "\x8a\x08" + raw(v); }
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline std::string tuple(const std::string& items) { return "(" + items + "t"; }
inline std::string sizes(const std::vector<int64_t>& values) {
  std::string items;
  for (int64_t v : values) items += big_integer(v);
  return tuple(items);
}
inline std::string dict(const std::string& items) { return "}(" + items + "u"; }
inline std::string ordered_dict(const std::string& items) {
  return global("collections", "OrderedDict") + ")R(" + items + "u";
}

inline std::string storage(const std::string& type, const std::string& key, int64_t elements) {
  return tuple(text("storage") + global("torch", type) + text(key) + text("cpu") + big_integer(elements)) +
         "Q";
}

inline std::string tensor(const std::string& storage, int64_t offset, const std::vector<int64_t>& shape,
                          const std::vector<int64_t>& strides) {
  const std::string hooks = global("collections", "OrderedDict") + ")R";
  const std::string arguments =
      storage + big_integer(offset) + sizes(shape) + sizes(strides) + "\x89" + hooks;
  return global("torch._utils", "_rebuild_tensor_v2") + tuple(arguments) + "R";
}

}  // namespace op

struct Member {
  std::string name;
  std::string bytes;
  bool deflate = false;
};

/// Writes a zip archive by libzip.
inline std::string write_zip(const std::string& path, const std::vector<Member>& members) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  for (const Member& member : members) {
    zip_source_t* source = zip_source_buffer(archive, member.bytes.data(), member.bytes.size(), 0);
    const auto index = zip_file_add(archive, member.name.c_str(), source, ZIP_FL_ENC_UTF_8);
    const auto method = member.deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE;
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 9);
  }
  EXPECT_EQ(zip_close(archive), 0);
  return path;
}

/// Writes stored members byte by byte, all sizes and offsets in ZIP64 fields, with a sparse gap before the
/// last member.
class Zip64File {
 public:
  explicit Zip64File(const std::string& path) : out_(path, std::ios::binary) {}

  void skip_to(int64_t offset) { out_.seekp(offset); }

  void add(const std::string& name, const std::string& bytes) {
    const auto offset = static_cast<uint64_t>(out_.tellp());
    const std::string sizes = raw(uint64_t{bytes.size()}) + raw(uint64_t{bytes.size()});
    const std::string common = raw(uint16_t{45}) + raw(uint16_t{0}) + raw(uint16_t{0}) + raw(uint32_t{0}) +
                               raw(uint32_t{0}) + raw(UINT32_MAX) + raw(UINT32_MAX) +
                               raw(static_cast<uint16_t>(name.size()));
    out_ << "PK\3\4" << common << raw(uint16_t{20}) << name << raw(uint16_t{1}) << raw(uint16_t{16}) << sizes
         << bytes;
    directory_ += "PK\1\2" + raw(uint16_t{45}) + common + raw(uint16_t{28}) + raw(uint16_t{0}) +
                  raw(uint16_t{0}) + raw(uint16_t{0}) + raw(uint32_t{0}) + raw(UINT32_MAX) + name +
                  raw(uint16_t{1}) + raw(uint16_t{24}) + sizes + raw(offset);
    ++count_;
  }

  void finish() {
    const auto start = static_cast<uint64_t>(out_.tellp());
    out_ << directory_;
    const auto end = static_cast<uint64_t>(out_.tellp());
    out_ << "PK\6\6" << raw(uint64_t{44}) << raw(uint16_t{45}) << raw(uint16_t{45}) << raw(uint32_t{0})
         << raw(uint32_t{0}) << raw(count_) << raw(count_) << raw(end - start) << raw(start);
    out_ << "PK\6\7" << raw(uint32_t{0}) << raw(end) << raw(uint32_t{1});
    out_ << "PK\5\6" << raw(uint32_t{0}) << raw(uint16_t{0xffff}) << raw(uint16_t{0xffff}) << raw(UINT32_MAX)
         << raw(UINT32_MAX) << raw(uint16_t{0});
    out_.close();
  }

 private:
  std::ofstream out_;
  std::string directory_;
  uint64_t count_ = 0;
};

}  // namespace cobra::testing
