// Typed access to the metadata of a GgufFile.
#include <array>

#include "base/fail.h"
#include "formats/gguf.h"

namespace cobra {
namespace {

constexpr std::array<std::string_view, std::variant_size_v<GgufValue>> kKinds = {"an integer",
                                                                                 "a number",
                                                                                 "a boolean",
                                                                                 "a string",
                                                                                 "an array of integers",
                                                                                 "an array of numbers",
                                                                                 "an array of booleans",
                                                                                 "an array of strings"};

const GgufValue& require(const GgufFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) fail("{}: key '{}' is missing", file.path(), printable(key));
  return found->second;
}

[[noreturn]] void fail_kind(const GgufFile& file, const std::string& key, std::string_view wanted,
                            const GgufValue& found) {
  fail("{}: key '{}' must be {}, found {}", file.path(), printable(key), wanted, kKinds[found.index()]);
}

template <typename T>
const T& get(const GgufFile& file, const std::string& key, std::string_view wanted) {
  const GgufValue& value = require(file, key);
  if (!std::holds_alternative<T>(value)) fail_kind(file, key, wanted, value);
  return std::get<T>(value);
}

}  // namespace

int64_t GgufFile::integer(const std::string& key) const { return get<int64_t>(*this, key, "an integer"); }

int64_t GgufFile::integer(const std::string& key, int64_t fallback) const {
  return has(key) ? integer(key) : fallback;
}

double GgufFile::number(const std::string& key) const {
  const GgufValue& value = require(*this, key);
  if (const auto* integer_value = std::get_if<int64_t>(&value)) return static_cast<double>(*integer_value);
  return get<double>(*this, key, "a number");
}

double GgufFile::number(const std::string& key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

bool GgufFile::boolean(const std::string& key, bool fallback) const {
  return has(key) ? get<bool>(*this, key, "a boolean") : fallback;
}

const std::string& GgufFile::text(const std::string& key) const {
  return get<std::string>(*this, key, "a string");
}

std::string GgufFile::text(const std::string& key, const std::string& fallback) const {
  return has(key) ? text(key) : fallback;
}

const std::vector<std::string>& GgufFile::texts(const std::string& key) const {
  return get<std::vector<std::string>>(*this, key, "an array of strings");
}

const std::vector<int64_t>& GgufFile::integers(const std::string& key) const {
  return get<std::vector<int64_t>>(*this, key, "an array of integers");
}

const std::vector<double>& GgufFile::numbers(const std::string& key) const {
  return get<std::vector<double>>(*this, key, "an array of numbers");
}

}  // namespace cobra
