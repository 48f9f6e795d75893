#include "bench/figure.h"

#include <algorithm>
#include <limits>

#include "bench/repeated.h"

namespace cobra::bench {

double Figure::value() const { return median(values); }
double Figure::lowest() const { return *std::min_element(values.begin(), values.end()); }
double Figure::highest() const { return *std::max_element(values.begin(), values.end()); }

double Figure::ceiling() const { return median(ceilings); }

double Figure::fraction_of_ceiling() const {
  if (!has_ceiling()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> fractions;
  for (size_t i = 0; i < values.size(); ++i) {
    fractions.push_back(unit == "tokens/s" ? values[i] / ceilings[i] : ceilings[i] / values[i]);
  }
  return median(fractions);
}

double least_seconds(const Demand& demand, const Ceilings& ceilings) {
  return std::max(demand.operations / (ceilings.onednn_bf16_tflop_per_s * 1e12),
                  demand.read_bytes / (ceilings.read_gb_per_s * 1e9));
}

double in_unit(const Figure& figure, double seconds) {
  return figure.unit == "tokens/s" ? figure.tokens / seconds : seconds * 1e3;
}

void set_ceiling(Figure& figure, const Ceilings& ceilings) {
  const double least = least_seconds(figure.demand, ceilings);
  if (least > 0 && !figure.has_ceiling()) {
    figure.ceilings.assign(figure.values.size(), in_unit(figure, least));
  }
}

}  // namespace cobra::bench
