#include "eval/fields.h"

#include <charconv>
#include <cmath>

#include "base/fail.h"
#include "base/file.h"

namespace cobra::eval {
namespace {

constexpr int64_t kMaxDataBytes = int64_t{2} << 30;

[[noreturn]] void fail_kind(const std::string& place, const std::string& name, std::string_view wanted) {
  fail("{}: field '{}' must be {}", place, name, wanted);
}

}  // namespace

std::string place_of(const std::string& source, std::string_view id) {
  return fmt::format("{}: '{}'", source, printable(id));
}

const Json& field(const Json& object, const std::string& name, const std::string& place) {
  check(object.is_object(), "{}: must be an object", place);
  const auto found = object.find(name);
  check(found != object.end(), "{}: field '{}' is missing", place, name);
  return *found;
}

const Json& array_field(const Json& object, const std::string& name, const std::string& place) {
  const Json& value = field(object, name, place);
  if (!value.is_array()) fail_kind(place, name, "an array");
  return value;
}

int64_t as_integer(const Json& value, const std::string& what) {
  if (value.is_number_integer() && !(value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX)) {
    return value.get<int64_t>();
  }
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
  }
  fail("{} must be an integer, found {}", what, printable(value.dump(-1, ' ', true), 40));
}

int64_t integer_field(const Json& object, const std::string& name, const std::string& place) {
  return as_integer(field(object, name, place), fmt::format("{}: field '{}'", place, name));
}

bool boolean_field(const Json& object, const std::string& name, const std::string& place) {
  const Json& value = field(object, name, place);
  if (!value.is_boolean()) fail_kind(place, name, "true or false");
  return value.get<bool>();
}

std::vector<double> numbers_field(const Json& object, const std::string& name, size_t count,
                                  const std::string& place) {
  const Json& values = array_field(object, name, place);
  std::vector<double> numbers;
  for (const Json& value : values) {
    if (!value.is_number() || !std::isfinite(value.get<double>()))
      fail_kind(place, name, "an array of numbers");
    numbers.push_back(value.get<double>());
  }
  check(numbers.size() == count, "{}: field '{}' must have {} numbers, found {}", place, name, count,
        numbers.size());
  return numbers;
}

ById members_by_id(const Json& object, const std::string& source) {
  check(object.is_object(), "{}: must be an object with one member for each question", source);
  ById by_id;
  by_id.reserve(object.size());
  for (const auto& [id, value] : object.get_ref<const Json::object_t&>()) {
    check(value.is_object(), "{}: must be an object", place_of(source, id));
    by_id.emplace(id, &value);
  }
  return by_id;
}

const Json& at_id(const ById& by_id, std::string_view id, const std::string& source) {
  const auto found = by_id.find(id);
  check(found != by_id.end(), "{}: no entry for '{}'", source, printable(id));
  return *found->second;
}

Json read_data_json(const std::string& path) { return read_json(path, kMaxDataBytes); }

std::vector<Json> read_json_lines(const std::string& path) {
  const std::string text = read_file(path, kMaxDataBytes);
  std::vector<Json> values;
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    ++number;
    if (line.find_first_not_of(" \t\r") != line.npos) {
      values.push_back(parse_json(line, fmt::format("{}: line {}", path, number)));
    }
    begin = end + 1;
  }
  return values;
}

}  // namespace cobra::eval
