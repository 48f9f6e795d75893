#include "formats/torch_checkpoint.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>

#include "base/aligned_buffer.h"
#include "base/fail.h"
#include "base/file.h"
#include "formats/pickle.h"
#include "formats/tensor_bytes.h"
#include "formats/torch_tree.h"
#include "formats/zip_archive.h"

namespace cobra {
namespace {

constexpr std::string_view kPickleName = "data.pkl";
constexpr int64_t kMaxPickleBytes = 32 << 20;

// Inflated storages and gathered tensors take memory that the file does not have to back. Deflate shrinks
// weights to no less than a few per cent, so an honest file stays far below this bound and a decompression
// bomb does not.
constexpr int64_t kUnpackedFloorBytes = 256 << 20;
constexpr int64_t kUnpackedPerFileByte = 16;

using Buffer = AlignedBuffer<std::byte>;

std::span<const std::byte> as_span(const Buffer& buffer) {
  return {buffer.data(), static_cast<size_t>(buffer.size())};
}

/// A pickle not in an archive starts with PROTO and torch's magic number, or is a tar of the first torch
/// releases.
bool looks_legacy(std::span<const std::byte> file) { return !file.empty() && file[0] == std::byte{0x80}; }

void check_container(const MappedFile& map) {
  check(!looks_legacy(map.bytes()),
        "{}: a torch file of the old, non-zip format: load it in Python and re-save it with torch.save (zip "
        "format)",
        map.path());
}

/// "archive" of "archive/data.pkl"; the folder's name is the file's name when it was saved.
std::string find_root(const ZipArchive& zip, const std::string& path) {
  std::optional<std::string> root;
  for (const ZipMember& member : zip.members()) {
    const size_t slash = member.name.find('/');
    if (slash == std::string::npos || std::string_view(member.name).substr(slash + 1) != kPickleName)
      continue;
    check(!root, "{}: two members named */{}", path, kPickleName);
    root = member.name.substr(0, slash);
  }
  if (!root) fail("{}: no member named */{}: not written by torch.save", path, kPickleName);
  return *root;
}

/// A small member's bytes, inflated where needed.
std::string read_member(const ZipArchive& zip, const ZipMember& member, int64_t max_bytes,
                        const std::string& path) {
  check(member.bytes <= max_bytes, "{}: member '{}' has {} bytes, at most {} are possible", path,
        printable(member.name), member.bytes, max_bytes);
  std::string bytes(static_cast<size_t>(member.bytes), '\0');
  if (ZipArchive::is_stored(member)) {
    std::memcpy(bytes.data(), zip.stored(member).data(), bytes.size());
  } else {
    zip.inflate(member, std::as_writable_bytes(std::span(bytes)));
  }
  return bytes;
}

void check_byte_order(const ZipArchive& zip, const std::string& root, const std::string& path) {
  constexpr int64_t kMaxWordBytes = 64;
  const ZipMember* member = zip.find(root + "/byteorder");
  if (!member) return;  // older torch wrote little-endian only
  const std::string order = read_member(zip, *member, kMaxWordBytes, path);
  check(order == "little", "{}: byteorder must be 'little', found '{}'", path, printable(order));
}

}  // namespace

struct TorchCheckpoint::Impl {
  explicit Impl(const std::string& path);

  /// Gives entries[i] its bytes where opening did not: the storage is deflated or the tensor is not
  /// contiguous.
  void unpack(size_t i);
  void unpack_all();

  MappedFile map;
  std::optional<ZipArchive> zip;
  std::string root;
  std::vector<TensorEntry> entries;
  std::map<std::string, size_t> index;
  std::mutex mutex;  // find and tensors are const to their users, so they may be called from several threads

 private:
  struct StorageBytes {
    const ZipMember* member;
    DType type;
    int64_t elements;
    std::span<const std::byte> bytes;  // empty until inflated
    Buffer inflated;
  };

  struct Origin {
    pickle::Tensor layout;
    StorageBytes* storage;
    bool is_unpacked;  // the entry has its bytes
  };

  std::map<std::string, StorageBytes> storages_;
  std::vector<Origin> origins_;  // parallel to entries
  std::vector<Buffer> gathered_;
  int64_t unpacked_bytes_ = 0;

  StorageBytes& open_storage(const pickle::Storage& storage);
  void add(const NamedTensor& named, const pickle::Tree& tree);
  void inflate(StorageBytes& storage);
  Buffer allocate(int64_t bytes, const std::string& what);
  std::string what(size_t i) const;
};

TorchCheckpoint::Impl::Impl(const std::string& path) : map(path) {
  check_container(map);
  zip.emplace(map.bytes(), path);
  root = find_root(*zip, path);
  check_byte_order(*zip, root, path);
  const std::string pickle_name = root + "/" + std::string(kPickleName);
  const std::string source = fmt::format("{}: {}", path, printable(pickle_name));
  const std::string program = read_member(*zip, *zip->find(pickle_name), kMaxPickleBytes, path);
  const pickle::Tree tree = pickle::run(std::as_bytes(std::span(program)), source);
  for (const NamedTensor& named : list_tensors(tree, source)) add(named, tree);
}

std::string TorchCheckpoint::Impl::what(size_t i) const {
  return fmt::format("{}: tensor '{}'", map.path(), printable(entries[i].name));
}

TorchCheckpoint::Impl::StorageBytes& TorchCheckpoint::Impl::open_storage(const pickle::Storage& storage) {
  const auto [place, is_new] = storages_.try_emplace(storage.key);
  StorageBytes& known = place->second;
  const std::string member_name = fmt::format("{}/data/{}", root, storage.key);
  if (is_new) {
    known.type = storage.type;
    known.elements = storage.elements;
    known.member = zip->find(member_name);
    check(known.member != nullptr, "{}: member '{}' is missing", map.path(), printable(member_name));
    const int64_t expected = checked_mul(storage.elements, traits(storage.type).block_bytes, map.path());
    check(known.member->bytes == expected, "{}: member '{}' has {} bytes, expected {} for {} values of {}",
          map.path(), printable(member_name), known.member->bytes, expected, storage.elements,
          name(storage.type));
    if (ZipArchive::is_stored(*known.member)) known.bytes = zip->stored(*known.member);
  }
  check(known.type == storage.type && known.elements == storage.elements,
        "{}: member '{}' is used as {} values of {} and as {} of {}", map.path(), printable(member_name),
        known.elements, name(known.type), storage.elements, name(storage.type));
  return known;
}

void TorchCheckpoint::Impl::add(const NamedTensor& named, const pickle::Tree& tree) {
  const auto& layout = std::get<pickle::Tensor>(tree[named.tensor]);
  StorageBytes& storage = open_storage(std::get<pickle::Storage>(tree[layout.storage]));
  const size_t i = entries.size();
  entries.push_back({named.name, storage.type, layout.shape, {}});
  const int64_t bytes = tensor_bytes(storage.type, layout.shape, what(i));
  check_layout(layout, storage.elements, what(i));
  check(index.emplace(named.name, i).second, "{}: the name appears twice", what(i));
  const bool in_place = bytes == 0 || (is_contiguous(layout) && ZipArchive::is_stored(*storage.member));
  if (in_place && bytes > 0) {
    const auto first = static_cast<size_t>(layout.offset * traits(storage.type).block_bytes);
    entries[i].bytes = storage.bytes.subspan(first, static_cast<size_t>(bytes));
  }
  origins_.push_back({layout, &storage, in_place});
}

Buffer TorchCheckpoint::Impl::allocate(int64_t bytes, const std::string& owner) {
  const auto file_bytes = static_cast<int64_t>(map.bytes().size());
  const int64_t limit = kUnpackedFloorBytes + kUnpackedPerFileByte * file_bytes;
  check(bytes <= limit - unpacked_bytes_,
        "{}: unpacking its {} bytes would pass the limit of {} for a file of {} bytes", owner, bytes, limit,
        file_bytes);
  unpacked_bytes_ += bytes;
  return Buffer(bytes);
}

void TorchCheckpoint::Impl::inflate(StorageBytes& storage) {
  if (ZipArchive::is_stored(*storage.member) || storage.inflated.size() > 0) return;
  Buffer buffer = allocate(storage.member->bytes,
                           fmt::format("{}: member '{}'", map.path(), printable(storage.member->name)));
  zip->inflate(*storage.member, {buffer.data(), static_cast<size_t>(buffer.size())});
  storage.inflated = std::move(buffer);
  storage.bytes = as_span(storage.inflated);
}

void TorchCheckpoint::Impl::unpack(size_t i) {
  auto& [layout, storage, is_unpacked] = origins_[i];
  if (is_unpacked) return;
  TensorEntry& entry = entries[i];
  inflate(*storage);
  const int64_t bytes = tensor_bytes(entry.type, entry.shape, what(i));
  const int64_t element_bytes = traits(entry.type).block_bytes;
  if (is_contiguous(layout)) {
    entry.bytes = storage->bytes.subspan(static_cast<size_t>(layout.offset * element_bytes),
                                         static_cast<size_t>(bytes));
  } else {
    Buffer buffer = allocate(bytes, what(i));
    gather(layout, storage->bytes, element_bytes, buffer.data());
    gathered_.push_back(std::move(buffer));
    entry.bytes = as_span(gathered_.back());
  }
  is_unpacked = true;
}

void TorchCheckpoint::Impl::unpack_all() {
  for (size_t i = 0; i < entries.size(); ++i) unpack(i);
}

TorchCheckpoint::TorchCheckpoint(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
TorchCheckpoint::~TorchCheckpoint() = default;
TorchCheckpoint::TorchCheckpoint(TorchCheckpoint&&) noexcept = default;

const std::string& TorchCheckpoint::path() const { return impl_->map.path(); }

const std::vector<TensorEntry>& TorchCheckpoint::tensors() const {
  const std::lock_guard lock(impl_->mutex);
  impl_->unpack_all();
  return impl_->entries;
}

const TensorEntry* TorchCheckpoint::find(std::string_view name) const {
  const auto found = impl_->index.find(std::string(name));
  if (found == impl_->index.end()) return nullptr;
  const std::lock_guard lock(impl_->mutex);
  impl_->unpack(found->second);
  return &impl_->entries[found->second];
}

void TorchCheckpoint::release_pages(const TensorEntry& tensor) const {
  const std::span<const std::byte> file = impl_->map.bytes();
  // Unpacked bytes are not backed by the file: dropping their pages would lose them.
  const bool is_mapped = std::greater_equal<>{}(tensor.bytes.data(), file.data()) &&
                         std::less<>{}(tensor.bytes.data(), file.data() + file.size());
  if (is_mapped) impl_->map.release_pages(tensor.bytes);
}

}  // namespace cobra
