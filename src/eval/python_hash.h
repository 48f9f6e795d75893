// Python's hash() of a string. Source: SipHash-1-3 (Aumasson and Bernstein, 2012) as CPython 3.11 uses it,
// with the key of PYTHONHASHSEED=0.
#pragma once

#include <cstdint>
#include <string_view>

namespace cobra::eval {

/// hash(text) for ASCII text (CPython hashes the bytes of its own representation, which are these).
int64_t python_hash(std::string_view text);

}  // namespace cobra::eval
