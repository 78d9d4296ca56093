#include "study/statistics/chi_squared.h"

#include <cmath>
#include <numbers>

#include "engine/error.h"

namespace plait {

double chi_squared_upper_tail(double x, int degrees_of_freedom) {
  check(degrees_of_freedom >= 1, "[chi_squared] degrees of freedom: not one or more");
  if (x <= 0.0) return 1.0;
  if (std::isinf(x)) return 0.0;
  // Q(a + 1, h) = Q(a, h) + h^a exp(-h) / Gamma(a + 1), upwards from a = 1/2 or 1 to degrees_of_freedom / 2.
  const double h = x / 2.0;
  const bool odd = degrees_of_freedom % 2 == 1;
  double tail = odd ? std::erfc(std::sqrt(h)) : std::exp(-h);
  double a = odd ? 0.5 : 1.0;
  double term = odd ? 2.0 * std::sqrt(h) * std::numbers::inv_sqrtpi * std::exp(-h) : h * std::exp(-h);
  for (int d = odd ? 3 : 4; d <= degrees_of_freedom; d += 2) {
    tail += term;
    a += 1.0;
    term *= h / a;
  }
  return tail;
}

}  // namespace plait
