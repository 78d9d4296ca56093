#include "study/survival/breslow.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "engine/error.h"
#include "study/statistics/finite.h"

namespace plait {

BaselineHazard::BaselineHazard(const FollowUp& follow_up, std::span<const double> risk) {
  check_follow_up(follow_up, "breslow");
  check(risk.size() == follow_up.patients(), "[breslow] risk: not one a patient");
  require_finite(risk, "breslow", "risk");
  if (risk.empty()) return;

  // From the longest observed to the shortest, so that those at risk are added and never subtracted. Exponentials are
  // taken relative to the largest risk.
  const double largest = *std::max_element(risk.begin(), risk.end());
  const std::vector<std::size_t> order = order_by_time(follow_up.time);
  double at_risk = 0.0;
  for (std::size_t end = order.size(), begin = end; end > 0; end = begin) {
    const double time = follow_up.time[order[end - 1]];
    double events = 0.0;
    for (; begin > 0 && follow_up.time[order[begin - 1]] == time; --begin) {
      at_risk += std::exp(risk[order[begin - 1]] - largest);
      events += follow_up.event[order[begin - 1]];
    }
    if (events > 0.0) points_.push_back({time, events / at_risk * std::exp(-largest)});
  }
  std::reverse(points_.begin(), points_.end());
  double sum = 0.0;
  for (Point& point : points_) point.cumulative = sum += point.cumulative;
}

double BaselineHazard::cumulative(double time) const {
  const auto after = std::upper_bound(points_.begin(), points_.end(), time,
                                      [](double t, const Point& point) { return t < point.time; });
  return after == points_.begin() ? 0.0 : std::prev(after)->cumulative;
}

double BaselineHazard::survival(double time, double risk) const {
  const double hazard = cumulative(time);
  return hazard == 0.0 ? 1.0 : std::exp(-hazard * std::exp(risk));
}

}  // namespace plait
