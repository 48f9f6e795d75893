// Reading the benchmarks' JSON: typed fields and look-up by id, with errors that name the file and the
// question.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/json.h"

namespace cobra::eval {

/// What begins errors about one question: "metadata.json: '201000777'".
std::string place_of(const std::string& source, std::string_view id);

/// Throws Error "place: field 'name' is missing" (or: must be an array).
const Json& field(const Json& object, const std::string& name, const std::string& place);
const Json& array_field(const Json& object, const std::string& name, const std::string& place);
/// An integer, or a text of decimal digits, as Python's int() reads both.
int64_t integer_field(const Json& object, const std::string& name, const std::string& place);
int64_t as_integer(const Json& value, const std::string& what);
bool boolean_field(const Json& object, const std::string& name, const std::string& place);
/// Numbers of an array field, of which there must be `count`.
std::vector<double> numbers_field(const Json& object, const std::string& name, size_t count,
                                  const std::string& place);

/// The members of an object by key, for constant-time look-up. The object must outlive it.
using ById = std::unordered_map<std::string_view, const Json*>;
/// Throws Error unless `object` is an object of objects.
ById members_by_id(const Json& object, const std::string& source);
/// Throws Error "source: no entry for 'id'".
const Json& at_id(const ById& by_id, std::string_view id, const std::string& source);

/// A whole data file; reads up to 2 GiB.
Json read_data_json(const std::string& path);
/// A file with one JSON value a line; empty lines are left out.
std::vector<Json> read_json_lines(const std::string& path);

}  // namespace cobra::eval
