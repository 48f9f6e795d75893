// Bounding boxes in Python's notation, as RefCOCO's scorer reads them: ast.literal_eval, then checks.
#pragma once

#include <optional>
#include <string_view>

#include "formats/json.h"

namespace cobra::eval {

/// The list [x1, y1, x2, y2] that `text` is as a Python literal, if it is one of four numbers (booleans
/// count) from 0 to 1 with x1 < x2 and y1 < y2. Numbers keep their kind: 0 is no 0.0.
std::optional<Json> parse_box(std::string_view text);

/// Intersection over union of two such boxes; `b` has four numbers.
double intersection_over_union(const Json& a, const Json& b);

}  // namespace cobra::eval
