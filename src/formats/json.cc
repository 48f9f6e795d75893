#include "formats/json.h"

#include <limits>

#include "base/fail.h"
#include "base/file.h"
#include "formats/json_builder.h"

namespace cobra {
namespace {

std::string_view kind(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "a boolean";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "an integer";
    case Json::value_t::number_float:
      return "a number with a fraction";
    default:
      return "something else";
  }
}

[[noreturn]] void fail_kind(const std::string& source, std::string_view path, std::string_view wanted,
                            const Json& found) {
  fail("{}: field '{}' must be {}, found {}", source, printable(path), wanted, kind(found));
}

const Json& require(const Json& object, std::string_view path, const std::string& source) {
  const Json* found = json_find(object, path);
  if (!found) fail("{}: field '{}' is missing", source, printable(path));
  return *found;
}

int64_t as_integer(const Json& value, std::string_view path, const std::string& source) {
  if (!value.is_number_integer()) fail_kind(source, path, "an integer", value);
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    check(number <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()),
          "{}: field '{}': {} is out of range", source, printable(path), number);
  }
  return value.get<int64_t>();
}

double as_number(const Json& value, std::string_view path, const std::string& source) {
  if (!value.is_number()) fail_kind(source, path, "a number", value);
  return value.get<double>();
}

std::string as_text(const Json& value, std::string_view path, const std::string& source) {
  if (!value.is_string()) fail_kind(source, path, "a string", value);
  return value.get<std::string>();
}

}  // namespace

Json parse_json(std::string_view text, const std::string& source) {
  JsonBuilder builder(source);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

Json read_json(const std::string& path, int64_t max_bytes) {
  return parse_json(read_file(path, max_bytes), path);
}

const Json* json_find(const Json& object, std::string_view path) {
  const Json* value = &object;
  while (true) {
    const size_t dot = path.find('.');
    if (!value->is_object()) return nullptr;
    const auto found = value->find(std::string(path.substr(0, dot)));
    if (found == value->end()) return nullptr;
    value = &*found;
    if (dot == std::string_view::npos) return value->is_null() ? nullptr : value;
    path.remove_prefix(dot + 1);
  }
}

int64_t json_integer(const Json& object, std::string_view path, const std::string& source) {
  return as_integer(require(object, path, source), path, source);
}

int64_t json_integer(const Json& object, std::string_view path, const std::string& source, int64_t fallback) {
  const Json* found = json_find(object, path);
  return found ? as_integer(*found, path, source) : fallback;
}

double json_number(const Json& object, std::string_view path, const std::string& source) {
  return as_number(require(object, path, source), path, source);
}

double json_number(const Json& object, std::string_view path, const std::string& source, double fallback) {
  const Json* found = json_find(object, path);
  return found ? as_number(*found, path, source) : fallback;
}

bool json_boolean(const Json& object, std::string_view path, const std::string& source, bool fallback) {
  const Json* found = json_find(object, path);
  if (!found) return fallback;
  if (!found->is_boolean()) fail_kind(source, path, "a boolean", *found);
  return found->get<bool>();
}

std::string json_text(const Json& object, std::string_view path, const std::string& source) {
  return as_text(require(object, path, source), path, source);
}

std::string json_text(const Json& object, std::string_view path, const std::string& source,
                      const std::string& fallback) {
  const Json* found = json_find(object, path);
  return found ? as_text(*found, path, source) : fallback;
}

}  // namespace cobra
