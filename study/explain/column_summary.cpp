#include "study/explain/column_summary.h"

#include <cmath>

#include "engine/error.h"

namespace plait {

void ColumnSummary::close(Sums& sums, double total, double count) {
  if (count == 0.0) return;
  sums.total += total;
  sums.count += count;
  sums.total_squared += total * total;
  sums.count_squared += count * count;
  sums.product += total * count;
  sums.groups += 1.0;
}

void ColumnSummary::add(std::span<const double> values, std::int64_t group, std::int64_t group_left) {
  check(values.size() == sums_.size(), "[column_summary] one value a column");
  const auto found = open_.find(group);
  if (found == open_.end() && group_left == 0) {  // a group of one: nothing to keep
    for (std::size_t c = 0; c < values.size(); ++c)
      if (!std::isnan(values[c])) close(sums_[c], values[c], 1.0);
    return;
  }
  Group& members = found != open_.end() ? found->second : open_[group];
  members.total.resize(values.size(), 0.0);
  members.count.resize(values.size(), 0.0);
  for (std::size_t c = 0; c < values.size(); ++c) {
    if (std::isnan(values[c])) continue;
    members.total[c] += values[c];
    members.count[c] += 1.0;
  }
  if (group_left > 0) return;
  for (std::size_t c = 0; c < values.size(); ++c) close(sums_[c], members.total[c], members.count[c]);
  open_.erase(group);
}

std::vector<MeanInterval> ColumnSummary::intervals() const {
  check(open_.empty(), "[column_summary] a group is not complete");
  constexpr double normal_quantile = 1.959963984540054;  // 0.975
  std::vector<MeanInterval> intervals;
  for (const Sums& s : sums_) {
    MeanInterval& interval = intervals.emplace_back();
    if (s.count == 0.0) continue;
    const double mean = s.total / s.count;
    interval.value = mean;
    if (s.groups < 2.0) continue;
    // sum over groups of (total - mean count)^2, which rounding may leave a little below 0
    const double squares = std::fmax(0.0, s.total_squared - 2.0 * mean * s.product + mean * mean * s.count_squared);
    const double error = std::sqrt(s.groups / (s.groups - 1.0) * squares) / s.count;
    interval.lo = mean - normal_quantile * error;
    interval.hi = mean + normal_quantile * error;
  }
  return intervals;
}

}  // namespace plait
