// The figures of a bench as a table, as JSON, and as a chart over the depth.
#pragma once

#include <string>

#include "bench/measure.h"
#include "formats/json.h"

namespace cobra::bench {

std::string table(const Model& model, const BenchResult& result);
/// {"ceilings": {...}, "results": [{"name", "value", "unit", "fraction_of_ceiling", "min", "max"}],
/// "machine"}.
Json to_json(const Model& model, const BenchResult& result);
/// An SVG of tokens/s and of memory against depth.
std::string depth_chart(const BenchResult& result);

}  // namespace cobra::bench
