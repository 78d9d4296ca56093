// Areas under ROC curves with their variance, and the test of two of them on the same patients.
// Sources: DeLong, DeLong, Clarke-Pearson, Biometrics 44 (1988): the variance. Sun and Xu, IEEE Signal Processing
// Letters 21 (2014): ranks in place of all pairs, O(n log n). Obuchowski, Biometrics 53 (1997): patients in groups.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace plait {

struct AucEstimate {
  double auc = 0.0;  // ties count one half, as in engine/metrics/ranking.h
  double standard_error = 0.0;
  double lo = 0.0, hi = 0.0;  // auc -+ z * standard_error, cut to [0, 1]
};

struct AucComparison {
  double first = 0.0, second = 0.0;  // the two areas
  double difference = 0.0;           // first - second
  double standard_error = 0.0;       // of the difference
  double lo = 0.0, hi = 0.0;         // of the difference, cut to [-1, 1]
  double z = 0.0;                    // difference / standard_error; 0 for two equal areas of no variance
  double p = 1.0;                    // two-sided
};

// scores[n], any finite values; labels[n], 0 or 1. `level` is the interval's coverage, inside (0, 1).
// group[n], any numbers, or empty: patients of one group are not independent; the variance then counts groups. Every
// patient a group of its own is DeLong's variance to rounding.
// Empty unless there are two positives and two negatives, with groups in two groups each. An AUC of 0 or 1 has the
// variance 0 and so an interval of no width, which says more than few patients can: the bootstrap has the same fault.
// Throws ExitCode::internal for sizes, labels or a level that are not as above, numeric for a score that is not finite.
std::optional<AucEstimate> delong_auc(std::span<const double> scores, std::span<const double> labels,
                                      double level = 0.95, std::span<const std::size_t> group = {});

// Two scores of the same patients: the covariance of the areas is taken into account.
std::optional<AucComparison> delong_test(std::span<const double> first, std::span<const double> second,
                                         std::span<const double> labels, double level = 0.95,
                                         std::span<const std::size_t> group = {});

}  // namespace plait
