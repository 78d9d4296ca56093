// McNemar's test: are two classifiers right equally often on the same patients? Only those count on whom one is right
// and the other wrong. Sources: McNemar, Psychometrika 12 (1947); Edwards, Psychometrika 13 (1948): the correction.
#pragma once

#include <cstdint>
#include <span>

namespace plait {

struct McNemarTest {
  std::uint64_t first_only = 0, second_only = 0;  // patients on whom only that one is right
  double exact_p = 1.0;                           // two-sided binomial: min(1, 2 P(X <= the smaller count))
  double statistic = 0.0;                         // max(|difference of the counts| - 1, 0)^2 / their sum
  double corrected_p = 1.0;                       // of the statistic: chi-squared, one degree of freedom
};

// O(first_only + second_only). Nobody to tell them apart: p = 1.
McNemarTest mcnemar_test(std::uint64_t first_only, std::uint64_t second_only);

// first_right[n], second_right[n]: 1 where that decision is right, else 0. Patients are taken as independent. Throws
// ExitCode::internal where the sizes differ or a value is neither.
McNemarTest mcnemar_test(std::span<const double> first_right, std::span<const double> second_right);

}  // namespace plait
