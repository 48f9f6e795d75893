// JSON files with errors that name the file and the field.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace cobra {

using Json = nlohmann::ordered_json;

/// Parses text; throws Error "source: not valid JSON: ..." (one line). Depth is limited to 64, so hostile
/// nesting cannot exhaust the stack.
Json parse_json(std::string_view text, const std::string& source);
/// Reads a file of at most `max_bytes` and parses it.
Json read_json(const std::string& path, int64_t max_bytes = 256 << 20);

/// Typed access to a field of an object: throws Error "source: field 'a.b' must be an integer, found a
/// string". `path` is a dotted path of object keys ("mamba.d_model"). The forms with `fallback` accept an
/// absent or null field.
int64_t json_integer(const Json& object, std::string_view path, const std::string& source);
int64_t json_integer(const Json& object, std::string_view path, const std::string& source, int64_t fallback);
double json_number(const Json& object, std::string_view path, const std::string& source);
double json_number(const Json& object, std::string_view path, const std::string& source, double fallback);
bool json_boolean(const Json& object, std::string_view path, const std::string& source, bool fallback);
std::string json_text(const Json& object, std::string_view path, const std::string& source);
std::string json_text(const Json& object, std::string_view path, const std::string& source,
                      const std::string& fallback);
/// nullptr when absent or null.
const Json* json_find(const Json& object, std::string_view path);

}  // namespace cobra
