// The figures of a bench as a table, as JSON, and as a chart over the depth.
#pragma once

#include <string>

#include "bench/measure.h"
#include "formats/json.h"

namespace cobra::bench {

std::string table(const BenchResult& result);
/// {"ceilings": {...}, "ceilings_spread": {name: [lowest, highest]}, "results": [{"group", "name", "value",
/// "unit", "fraction_of_ceiling", "ceiling", "min", "max", "runs"}], "machine", "model"}. Figures at a depth
/// also have "depth", "depth_reached" ("read" or "set") and "tokens_read". What does not apply is null.
Json to_json(const BenchResult& result);
/// An SVG of tokens/s and of memory against depth.
std::string depth_chart(const BenchResult& result);

}  // namespace cobra::bench
