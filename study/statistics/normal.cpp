#include "study/statistics/normal.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "engine/error.h"

namespace plait {

namespace {

// x >= 0 with P(Z > x) = p, p <= 1/2.
double upper_quantile(double p) {
  double below = 0.0, above = 40.0;  // P(Z > 40) is smaller than any double
  while (true) {
    const double middle = std::midpoint(below, above);
    if (middle <= below || middle >= above) return middle;
    (0.5 * std::erfc(middle / std::numbers::sqrt2) > p ? below : above) = middle;
  }
}

}  // namespace

double normal_two_sided(double z) {
  return std::erfc(std::abs(z) / std::numbers::sqrt2);
}

double normal_quantile(double q) {
  check(q > 0.0 && q < 1.0, "[normal] quantile: not inside (0, 1)");
  if (q == 0.5) return 0.0;
  return q < 0.5 ? -upper_quantile(q) : upper_quantile(1.0 - q);
}

double normal_half_width(double level) {
  check(level > 0.0 && level < 1.0, "[normal] level: not inside (0, 1)");
  return upper_quantile((1.0 - level) / 2.0);
}

}  // namespace plait
