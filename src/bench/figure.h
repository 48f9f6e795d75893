// One measured figure and what it is held against.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/ceilings.h"

namespace cobra::bench {

/// What the work of a figure cannot do without; nothing: no ceiling applies.
struct Demand {
  double operations = 0;  // of its matrix products, at oneDNN's rate
  double read_bytes = 0;  // of weights, at the memory's speed
};

struct Figure {
  std::string group;           // "decode": what --only knows it by
  std::string name;            // "decode at depth 768"
  std::string unit;            // "tokens/s", "ms", "GB", "ratio"
  std::vector<double> values;  // of each run
  Demand demand;               // of `tokens` tokens for "tokens/s", of the whole work for "ms"
  double tokens = 1;
  std::vector<double> ceilings;  // of each run, in the same unit; empty: none applies
  int64_t depth = -1;            // tokens in the state before, where that is what a row of figures is about
  int64_t tokens_read = -1;      // of them, those that were really read

  double value() const;
  double lowest() const;
  double highest() const;
  bool has_ceiling() const { return !ceilings.empty(); }
  double ceiling() const;  // the median
  /// Near 1 is as fast as the machine; NaN without a ceiling. A speed over its ceiling, for other units the
  /// ceiling over the figure; the median of all runs.
  double fraction_of_ceiling() const;
};

/// The least time for what is demanded: products and reading do not wait for one another.
double least_seconds(const Demand& demand, const Ceilings& ceilings);
/// The value of a figure of tokens/s or ms whose work takes `seconds`.
double in_unit(const Figure& figure, double seconds);
/// Gives a figure that demands something and has no ceilings yet the same one for each run.
void set_ceiling(Figure& figure, const Ceilings& ceilings);

}  // namespace cobra::bench
