#include "eval/python_hash.h"

#include <bit>
#include <cstring>

namespace cobra::eval {
namespace {

struct SipState {  // for the key 0
  uint64_t a = 0x736f6d6570736575;
  uint64_t b = 0x646f72616e646f6d;
  uint64_t c = 0x6c7967656e657261;
  uint64_t d = 0x7465646279746573;

  void round() {
    a += b, c += d;
    b = std::rotl(b, 13) ^ a, d = std::rotl(d, 16) ^ c;
    a = std::rotl(a, 32);
    c += b, a += d;
    b = std::rotl(b, 17) ^ c, d = std::rotl(d, 21) ^ a;
    c = std::rotl(c, 32);
  }

  void absorb(uint64_t word) {
    d ^= word;
    round();
    a ^= word;
  }
};

}  // namespace

int64_t python_hash(std::string_view text) {
  if (text.empty()) return 0;
  const uint64_t length = text.size();
  SipState state;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    uint64_t word;
    std::memcpy(&word, text.data(), sizeof word);
    state.absorb(word);
  }
  uint64_t last = 0;
  std::memcpy(&last, text.data(), text.size());
  state.absorb(last | length << 56);
  state.c ^= 0xff;
  for (int i = 0; i < 3; ++i) state.round();
  const auto hash = static_cast<int64_t>(state.a ^ state.b ^ state.c ^ state.d);
  return hash == -1 ? -2 : hash;  // -1 means an error inside CPython
}

}  // namespace cobra::eval
