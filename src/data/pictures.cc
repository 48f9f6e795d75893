#include "data/pictures.h"

#include <cstring>
#include <filesystem>

#include "base/fail.h"
#include "base/file.h"
#include "formats/zip_archive.h"

namespace cobra::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kZip = ".zip/";
constexpr size_t kShownPathBytes = 4096;
constexpr size_t kMaxNameBytes = 4096;  // a path's limit; each ".zip/" in a name is looked for

void check_name(const std::string& name) {
  check(name.size() <= kMaxNameBytes, "picture '{}': the name has {} bytes, at most {} are read",
        printable(name), name.size(), kMaxNameBytes);
  const fs::path path(name);
  bool inside = !name.empty() && name.find('\0') == std::string::npos && path.is_relative();
  for (const fs::path& part : path) inside = inside && part != "..";
  check(inside, "picture '{}': the name must stay below the picture folder", printable(name));
}

}  // namespace

struct PictureFolder::Archive {
  explicit Archive(const std::string& path) : file(path), zip(file.bytes(), path) {}

  std::vector<std::byte> read(const ZipMember& member) const {
    std::vector<std::byte> bytes(static_cast<size_t>(member.bytes));
    if (ZipArchive::is_stored(member)) {
      std::memcpy(bytes.data(), zip.stored(member).data(), bytes.size());
    } else {
      const std::lock_guard lock(mutex);
      zip.inflate(member, bytes);
    }
    return bytes;
  }

  MappedFile file;
  ZipArchive zip;
  mutable std::mutex mutex;  // libzip's reader is not for two threads
};

PictureFolder::PictureFolder(std::string root) : root_(std::move(root)) {}
PictureFolder::~PictureFolder() = default;

const PictureFolder::Archive& PictureFolder::open_archive(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Archive>& archive = archives_[path];
  if (!archive) archive = std::make_unique<Archive>(path);
  return *archive;
}

PictureFolder::Place PictureFolder::find(const std::string& name) const {
  check_name(name);
  for (size_t dot = name.find(kZip); dot != std::string::npos; dot = name.find(kZip, dot + 1)) {
    const size_t slash = dot + kZip.size() - 1;
    const std::string path = (fs::path(root_) / name.substr(0, slash)).string();
    std::error_code error;
    if (fs::is_regular_file(path, error)) return {&open_archive(path), name.substr(slash + 1)};
  }
  return {nullptr, (fs::path(root_) / name).string()};
}

bool PictureFolder::contains(const std::string& name) const {
  const Place place = find(name);
  std::error_code error;
  return place.archive ? place.archive->zip.find(place.name) != nullptr
                       : fs::is_regular_file(place.name, error);
}

std::vector<std::byte> PictureFolder::read(const std::string& name) const {
  const Place place = find(name);
  const int64_t max_bytes = ImageLimits().max_bytes;
  if (!place.archive) {
    const std::string text = read_file(place.name, max_bytes);
    const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
    return {bytes, bytes + text.size()};
  }
  const ZipMember* member = place.archive->zip.find(place.name);
  const std::string& path = place.archive->file.path();
  check(member != nullptr, "{}: no member '{}'", path, printable(place.name, kShownPathBytes));
  check(member->bytes <= max_bytes, "{}: member '{}' has {} bytes, at most {} are read", path,
        printable(place.name, kShownPathBytes), member->bytes, max_bytes);
  return place.archive->read(*member);
}

Image PictureFolder::load(const std::string& name) const {
  const std::vector<std::byte> bytes = read(name);
  return Image::decode(bytes, (fs::path(root_) / printable(name, kShownPathBytes)).string());
}

}  // namespace cobra::data
