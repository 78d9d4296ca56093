// How much columns matter over patients: the mean size of what each is given, with an interval, without keeping any
// patient's numbers (profiles have tens of thousands of columns).
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "study/mean_interval.h"

namespace plait {

// Means over the patients that count for a column. 95 % intervals by the normal approximation of the mean's
// distribution; patients of one group count as one draw (the ratio estimator's variance over clusters, Cochran 1977).
class ColumnSummary {
 public:
  explicit ColumnSummary(std::size_t columns) : sums_(columns) {}

  // values[columns], NaN = does not count. group_left: how many patients of this group are still to come; 0 closes it.
  void add(std::span<const double> values, std::int64_t group, std::int64_t group_left);

  std::vector<MeanInterval> intervals() const;

 private:
  // Over groups, of a group's total and its number of patients: totals, counts, squares and products.
  struct Sums {
    double total = 0.0, count = 0.0, total_squared = 0.0, count_squared = 0.0, product = 0.0, groups = 0.0;
  };
  struct Group {
    std::vector<double> total, count;
  };
  static void close(Sums& sums, double total, double count);

  std::vector<Sums> sums_;
  std::unordered_map<std::int64_t, Group> open_;
};

}  // namespace plait
