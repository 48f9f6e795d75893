// IDX files, the format of MNIST and its successors: an array of bytes behind its dimensions, usually
// gzipped. Source: http://yann.lecun.com/exdb/mnist/ (magic 0 0 type rank, then 32-bit big-endian
// dimensions).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cobra::data {

/// `values` is row-major; the product of `shape` is its size.
struct IdxArray {
  std::vector<int64_t> shape;
  std::vector<uint8_t> values;

  /// Entry `index` of the first dimension.
  std::span<const uint8_t> item(int64_t index) const;
};

/// Reads a file, gzipped or plain, of unsigned bytes with `rank` dimensions and at most 1 GiB. Throws Error
/// naming the path: missing, torn, damaged, another type or rank.
IdxArray read_idx(const std::string& path, int64_t rank);

}  // namespace cobra::data
