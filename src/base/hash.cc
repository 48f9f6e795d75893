#include "base/hash.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>
#include <new>
#include <random>

#include "base/file.h"

namespace cobra {
namespace {

using Secret = std::array<uint32_t, XXH3_SECRET_SIZE_MIN / sizeof(uint32_t)>;

const Secret& secret_of_this_process() {
  static const Secret secret = [] {
    Secret drawn;
    std::random_device random;
    for (uint32_t& word : drawn) word = random();
    return drawn;
  }();
  return secret;
}

}  // namespace

struct Hasher::State {
  XXH3_state_t* xxh = XXH3_createState();
};

Hasher::Hasher() : state_(new State) {
  if (!state_->xxh || XXH3_128bits_reset(state_->xxh) != XXH_OK) {
    delete state_;
    throw std::bad_alloc();
  }
}

Hasher::~Hasher() {
  XXH3_freeState(state_->xxh);
  delete state_;
}

void Hasher::add(std::span<const std::byte> bytes) {
  XXH3_128bits_update(state_->xxh, bytes.data(), bytes.size());
}

Hash128 Hasher::digest() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_->xxh));
  Hash128 hash;
  std::memcpy(hash.data(), canonical.digest, hash.size());
  return hash;
}

Hash128 content_hash(std::span<const std::byte> bytes) {
  Hasher hasher;
  hasher.add(bytes);
  return hasher.digest();
}

uint64_t keyed_hash(std::string_view bytes) {
  const Secret& secret = secret_of_this_process();
  return XXH3_64bits_withSecret(bytes.data(), bytes.size(), secret.data(), sizeof secret);
}

std::string to_hex(const Hash128& hash) {
  std::string text;
  for (const uint8_t byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

std::string hash_of_file(const std::string& path) { return to_hex(content_hash(MappedFile(path).bytes())); }

}  // namespace cobra
