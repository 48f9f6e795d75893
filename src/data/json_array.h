// The elements of a large JSON array as slices of its text, so that examples can be parsed one by one: a
// training set of a million conversations is a gigabyte of JSON, and a tree of it several.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cobra::data {

/// Calls visit(element) for each element of the array that `text` is, in order, without the white space
/// around it. Only brackets, braces, strings and commas are looked at; an element may still be invalid JSON
/// inside, which parse_json (formats/json.h) finds. Linear in the text, and needs no memory. Throws Error
/// that starts with `source` and names the byte when there is no array, a bracket does not close, or
/// something follows the end.
void for_each_json_element(std::string_view text, const std::string& source,
                           const std::function<void(std::string_view)>& visit);
/// All of them.
std::vector<std::string_view> json_array_elements(std::string_view text, const std::string& source);

}  // namespace cobra::data
