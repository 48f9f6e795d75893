#include "bench/figure.h"

#include <algorithm>
#include <limits>

#include "bench/repeated.h"

namespace cobra::bench {

double Figure::value() const { return median(values); }
double Figure::lowest() const { return *std::min_element(values.begin(), values.end()); }
double Figure::highest() const { return *std::max_element(values.begin(), values.end()); }

double Figure::fraction_of_ceiling() const {
  if (ceiling <= 0) return std::numeric_limits<double>::quiet_NaN();
  return unit == "tokens/s" ? value() / ceiling : ceiling / value();
}

double least_seconds(const Demand& demand, const Ceilings& ceilings) {
  return std::max(demand.operations / (ceilings.onednn_bf16_tflop_per_s * 1e12),
                  demand.read_bytes / (ceilings.read_gb_per_s * 1e9));
}

void set_ceiling(Figure& figure, const Ceilings& ceilings) {
  const double least = least_seconds(figure.demand, ceilings);
  if (least > 0) figure.ceiling = figure.unit == "tokens/s" ? figure.tokens / least : least * 1e3;
}

}  // namespace cobra::bench
