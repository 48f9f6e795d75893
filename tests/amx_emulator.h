// AMX on machines without it: while an AmxEmulator lives, tile instructions, which such a machine refuses,
// are carried out in software from the signal it raises (Linux on x86-64). The code under test is the code
// that runs on a machine with AMX, instruction for instruction, so wrong tiles, strides or configurations
// show; speed does not. Instructions and their arithmetic: Intel's Software Developer's Manual, volume 2.
#pragma once

#if defined(__x86_64__) && defined(__linux__)
#define COBRA_CAN_EMULATE_AMX 1
#include <signal.h>
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace cobra::testing {

/// Install one at a time; threads may use tiles at once.
class AmxEmulator {
 public:
  AmxEmulator() {
    struct sigaction action = {};
    action.sa_sigaction = on_illegal_instruction;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGILL, &action, &before_);
  }
  AmxEmulator(const AmxEmulator&) = delete;
  AmxEmulator& operator=(const AmxEmulator&) = delete;
  ~AmxEmulator() { sigaction(SIGILL, &before_, nullptr); }

  /// Tile products carried out so far on this thread.
  static int64_t products() { return tiles().products; }

 private:
  static constexpr int kTiles = 8, kMaxRows = 16, kMaxBytes = 64;

  struct Tiles {
    bool configured = false;
    int rows[kTiles] = {}, bytes[kTiles] = {};
    uint8_t data[kTiles][kMaxRows][kMaxBytes] = {};
    int64_t products = 0;
  };
  static Tiles& tiles() {
    static thread_local Tiles state;
    return state;
  }

  /// An instruction of three-byte VEX form in map 0F38.
  struct Instruction {
    int prefix;  // 0 none, 1 66, 2 F3, 3 F2
    int opcode, mod, reg, rm, vvvv;
    uint8_t* address;  // of the memory operand, without the index, which tile loads multiply by the row
    int64_t stride;    // the index, scaled
    int length;
  };

  static int64_t general_register(const ucontext_t& context, int number) {
    static constexpr int kOrder[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                       REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                       REG_R12, REG_R13, REG_R14, REG_R15};
    return context.uc_mcontext.gregs[kOrder[number]];
  }

  static bool decode(const ucontext_t& context, Instruction& in) {
    const auto* code = reinterpret_cast<const uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
    if (code[0] != 0xC4 || (code[1] & 31) != 2 || (code[2] & 0x84) != 0) return false;  // map 2, W 0, L 0
    const int x = (code[1] & 0x40) != 0 ? 0 : 8, b = (code[1] & 0x20) != 0 ? 0 : 8;
    in = {.prefix = code[2] & 3,
          .opcode = code[3],
          .mod = code[4] >> 6,
          .reg = code[4] >> 3 & 7,
          .rm = code[4] & 7,
          .vvvv = ~(code[2] >> 3) & 15,
          .address = nullptr,
          .stride = 0,
          .length = 5};
    if (in.mod == 3) return true;
    const uint8_t* next = code + 5;
    int64_t address = 0;
    int displacement = in.mod == 1 ? 1 : in.mod == 2 ? 4 : 0;
    bool from_next_instruction = false;
    if (in.rm == 4) {
      const int scale = *next >> 6, index = (*next >> 3 & 7) + x, base = (*next & 7);
      ++next;
      if (index != 4) in.stride = general_register(context, index) << scale;
      if (base == 5 && in.mod == 0) {
        displacement = 4;
      } else {
        address = general_register(context, base + b);
      }
    } else if (in.rm == 5 && in.mod == 0) {
      displacement = 4, from_next_instruction = true;
    } else {
      address = general_register(context, in.rm + b);
    }
    if (displacement == 1) address += static_cast<int8_t>(*next);
    if (displacement == 4) {
      int32_t value = 0;
      std::memcpy(&value, next, sizeof(value));
      address += value;
    }
    next += displacement;
    if (from_next_instruction) address += reinterpret_cast<int64_t>(next);
    in.address = reinterpret_cast<uint8_t*>(address);
    in.length = static_cast<int>(next - code);
    return true;
  }

  static bool configure(const uint8_t* config) {
    Tiles& t = tiles();
    if (config[0] != 1) return false;  // palette
    for (int i = 0; i < kTiles; ++i) {
      uint16_t bytes = 0;
      std::memcpy(&bytes, config + 16 + 2 * i, sizeof(bytes));
      t.bytes[i] = bytes, t.rows[i] = config[48 + i];
      if (t.bytes[i] > kMaxBytes || t.rows[i] > kMaxRows) return false;
    }
    std::memset(t.data, 0, sizeof(t.data));
    return t.configured = true;
  }

  static float flushed(float v) { return std::fpclassify(v) == FP_SUBNORMAL ? std::copysign(0.0f, v) : v; }

  static float bfloat16_at(const uint8_t* p) {
    uint16_t upper = 0;
    std::memcpy(&upper, p, sizeof(upper));
    const uint32_t bits = uint32_t{upper} << 16;
    float value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    return flushed(value);
  }

  /// TDPBF16PS: products of even and of odd columns summed apart, then added; subnormals are zeros.
  static bool multiply_bf16(int to, int left, int right) {
    Tiles& t = tiles();
    const int pairs = t.bytes[left] / 4;
    if (!t.configured || t.rows[right] != pairs || t.rows[to] != t.rows[left] ||
        t.bytes[to] != t.bytes[right]) {
      return false;
    }
    for (int m = 0; m < t.rows[to]; ++m) {
      for (int n = 0; n < t.bytes[to] / 4; ++n) {
        float sums[2] = {0, 0}, total = 0;
        for (int k = 0; k < pairs; ++k) {
          for (int odd = 0; odd < 2; ++odd) {
            sums[odd] = flushed(std::fma(bfloat16_at(t.data[left][m] + 4 * k + 2 * odd),
                                         bfloat16_at(t.data[right][k] + 4 * n + 2 * odd), sums[odd]));
          }
        }
        uint8_t* sum = t.data[to][m] + 4 * n;
        std::memcpy(&total, sum, sizeof(total));
        total = flushed(flushed(total) + flushed(sums[0] + sums[1]));
        std::memcpy(sum, &total, sizeof(total));
      }
    }
    ++t.products;
    return true;
  }

  static bool move(int tile, uint8_t* memory, int64_t stride, bool to_memory) {
    Tiles& t = tiles();
    if (!t.configured) return false;
    for (int r = 0; r < t.rows[tile]; ++r) {
      const auto bytes = static_cast<size_t>(t.bytes[tile]);
      uint8_t *row = t.data[tile][r], *there = memory + r * stride;
      to_memory ? std::memcpy(there, row, bytes) : std::memcpy(row, there, bytes);
    }
    return true;
  }

  static bool carry_out(const Instruction& in) {
    Tiles& t = tiles();
    if (in.opcode == 0x49 && in.mod != 3 && in.prefix == 0) return configure(in.address);
    if (in.opcode == 0x49 && in.mod == 3 && in.prefix == 0) {  // TILERELEASE
      t.configured = false;
      return true;
    }
    if (in.opcode == 0x49 && in.mod == 3 && in.prefix == 3) {  // TILEZERO
      std::memset(t.data[in.reg], 0, sizeof(t.data[in.reg]));
      return t.configured;
    }
    if (in.opcode == 0x4B && in.prefix != 0) return move(in.reg, in.address, in.stride, in.prefix == 2);
    if (in.opcode == 0x5C && in.prefix == 2) return multiply_bf16(in.reg, in.rm, in.vvvv);
    return false;
  }

  static void on_illegal_instruction(int signal, siginfo_t*, void* opaque) {
    auto& context = *static_cast<ucontext_t*>(opaque);
    Instruction in{};
    if (decode(context, in) && carry_out(in)) {
      context.uc_mcontext.gregs[REG_RIP] += in.length;
    } else {
      ::signal(signal, SIG_DFL);  // the instruction raises it again, and the test dies of it
    }
  }

  struct sigaction before_ = {};
};

}  // namespace cobra::testing
#endif
