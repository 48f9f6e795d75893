// JSON text exactly as Python's json.dump writes it, so that files can equal the official ones byte for byte.
#pragma once

#include <string>

#include "formats/json.h"

namespace cobra::eval {

/// json.dumps(value), or with `indent` >= 0 json.dumps(value, indent=indent): ASCII, numbers as Python's repr
/// writes them. NaN is null, as JSON knows no NaN.
std::string python_json(const Json& value, int indent = -1);

/// Appends to an object in constant time (ordered objects look keys up linearly). The key must be new.
void append_member(Json& object, std::string key, Json value);

}  // namespace cobra::eval
