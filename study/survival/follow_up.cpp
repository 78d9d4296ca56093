#include "study/survival/follow_up.h"

#include <algorithm>
#include <numeric>

#include "engine/error.h"
#include "study/statistics/finite.h"

namespace plait {

void check_follow_up(const FollowUp& follow_up, std::string_view where) {
  check(follow_up.time.size() == follow_up.event.size(), "[survival] time and event: not as many of each");
  require_finite(follow_up.time, where, "time");
  require_zero_or_one(follow_up.event, where, "event");
}

std::vector<std::size_t> order_by_time(std::span<const double> time) {
  std::vector<std::size_t> order(time.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return time[a] < time[b]; });
  return order;
}

std::vector<RiskRow> risk_table(const FollowUp& follow_up) {
  check_follow_up(follow_up, "survival");
  std::vector<RiskRow> rows;
  std::uint64_t at_risk = follow_up.patients();
  for (const std::size_t i : order_by_time(follow_up.time)) {
    if (rows.empty() || follow_up.time[i] > rows.back().time)
      rows.push_back({.time = follow_up.time[i], .at_risk = at_risk});
    ++(follow_up.event[i] == 1.0 ? rows.back().events : rows.back().censored);
    --at_risk;
  }
  return rows;
}

}  // namespace plait
