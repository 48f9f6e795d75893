// Opcodes of Python's pickle, protocols 0 to 5. Source: the table in Python's pickletools.
#pragma once

#include <cstdint>
#include <string_view>

namespace cobra::pickle {

/// Those that the machine runs.
enum class Opcode : uint8_t {
  mark = '(',
  stop = '.',
  pop = '0',
  pop_mark = '1',
  none = 'N',
  newtrue = 0x88,
  newfalse = 0x89,
  binint = 'J',
  binint1 = 'K',
  binint2 = 'M',
  long1 = 0x8a,
  int_line = 'I',
  long_line = 'L',
  float_line = 'F',
  binfloat = 'G',
  binunicode = 'X',
  short_binunicode = 0x8c,
  binunicode8 = 0x8d,
  short_binstring = 'U',
  binstring = 'T',
  string_line = 'S',
  unicode_line = 'V',
  empty_list = ']',
  empty_dict = '}',
  empty_tuple = ')',
  list = 'l',
  dict = 'd',
  tuple = 't',
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  append = 'a',
  appends = 'e',
  setitem = 's',
  setitems = 'u',
  binget = 'h',
  long_binget = 'j',
  binput = 'q',
  long_binput = 'r',
  memoize = 0x94,
  get_line = 'g',
  put_line = 'p',
  global = 'c',
  stack_global = 0x93,
  reduce = 'R',
  binpersid = 'Q',
  build = 'b',
  frame = 0x95,
  proto = 0x80
};

/// Python's name of an opcode that the machine refuses, "unknown" for a byte that is none.
std::string_view opcode_name(uint8_t code);

}  // namespace cobra::pickle
