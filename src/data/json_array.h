// The elements of a large JSON array as slices of its text, so that examples can be parsed one by one: a
// training set of a million conversations is a gigabyte of JSON, and a tree of it several.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cobra::data {

/// The elements of the array that `text` is, without the white space around them. Only brackets, braces,
/// strings and commas are looked at; an element may still be invalid JSON inside, which parse_json
/// (formats/json.h) finds. Linear in the text. Throws Error that starts with `source` and names the byte when
/// there is no array, a bracket does not close, or something follows the end.
std::vector<std::string_view> json_array_elements(std::string_view text, const std::string& source);

}  // namespace cobra::data
