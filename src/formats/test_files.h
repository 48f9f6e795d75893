// Test support of this room: files in a folder of their own, and the two sweeps that every reader must
// survive.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/fail.h"
#include "base/file.h"
#include "test_support.h"

namespace cobra::testing {

class FormatsTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.file(name); }
  std::string write(const std::string& name, std::string_view bytes) const {
    return folder_.write(name, bytes);
  }

 private:
  TemporaryFolder folder_;
};

/// The little-endian bytes of a number.
template <typename T>
std::string raw(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof value);
}

inline std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

template <typename T>
std::span<const std::byte> as_bytes(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

/// Calls `load(path)` for every proper prefix of a valid file; each must throw Error.
template <typename Load>
void expect_every_truncation_throws(const std::string& valid, const std::string& path, Load load) {
  for (size_t size = 0; size < valid.size(); ++size) {
    std::ofstream(path, std::ios::binary) << std::string_view(valid).substr(0, size);
    ASSERT_NE(error_of([&] { load(path); }), "")
        << "truncated to " << size << " of " << valid.size() << " bytes";
  }
}

/// Calls `load(path)` for the file with each single bit flipped: Error or success, anything else fails the
/// test.
template <typename Load>
void expect_bit_flips_are_survived(std::string bytes, const std::string& path, Load load) {
  size_t refused = 0;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<char>(1 << bit % 8);
    std::ofstream(path, std::ios::binary) << bytes;
    refused += !error_of([&] { load(path); }).empty();
    bytes[bit / 8] ^= static_cast<char>(1 << bit % 8);
  }
  EXPECT_GT(refused, bytes.size() / 2);  // the sweep reached the checks
}

}  // namespace cobra::testing
