#include "study/statistics/mcnemar.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "study/statistics/chi_squared.h"
#include "study/statistics/finite.h"

namespace plait {

namespace {

// P(X <= most) for X binomial(n, 1/2), most < n / 2. The coefficients are taken relative to the one in the middle,
// walking outwards: nothing overflows, what underflows would not count, and no logarithm of a factorial loses digits.
double lower_tail_of_fair_coin(std::uint64_t most, std::uint64_t n) {
  double all = 0.0, tail = 0.0, coefficient = 1.0;
  for (std::uint64_t k = n / 2;; --k) {
    // Each k of the lower half has its mirror n - k in the upper one, but for the middle of an even n.
    all += 2 * k == n ? coefficient : 2.0 * coefficient;
    if (k <= most) tail += coefficient;
    if (k == 0) return tail / all;
    coefficient *= static_cast<double>(k) / static_cast<double>(n - k + 1);
  }
}

}  // namespace

McNemarTest mcnemar_test(std::uint64_t first_only, std::uint64_t second_only) {
  McNemarTest test{.first_only = first_only, .second_only = second_only};
  if (first_only != second_only) {
    const std::uint64_t fewer = std::min(first_only, second_only), n = first_only + second_only;
    const auto gap = static_cast<double>(n - 2 * fewer);
    test.exact_p = std::min(1.0, 2.0 * lower_tail_of_fair_coin(fewer, n));
    test.statistic = (gap - 1.0) * (gap - 1.0) / static_cast<double>(n);
    test.corrected_p = chi_squared_upper_tail(test.statistic, 1);
  }
  return test;
}

McNemarTest mcnemar_test(std::span<const double> first_right, std::span<const double> second_right) {
  check(first_right.size() == second_right.size(), "[mcnemar] decisions: not as many of each");
  require_zero_or_one(first_right, "mcnemar", "first_right");
  require_zero_or_one(second_right, "mcnemar", "second_right");
  std::uint64_t first_only = 0, second_only = 0;
  for (std::size_t i = 0; i < first_right.size(); ++i) {
    first_only += first_right[i] > second_right[i];
    second_only += second_right[i] > first_right[i];
  }
  return mcnemar_test(first_only, second_only);
}

}  // namespace plait
