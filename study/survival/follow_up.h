// What is known of each patient's time to an event, and its table of people at risk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace plait {

// time[n]: until the event, or until observation ended without it; event[n]: 1 or 0. Borrowed.
struct FollowUp {
  std::span<const double> time, event;

  std::size_t patients() const { return time.size(); }
};

// Throws ExitCode::internal where the sizes differ or an event is neither 0 nor 1, numeric where a time is not finite.
void check_follow_up(const FollowUp& follow_up, std::string_view where);

// One distinct time. Someone whose time it is was still at risk.
struct RiskRow {
  double time = 0.0;
  std::uint64_t at_risk = 0, events = 0, censored = 0;
};

// Ascending times; O(n log n). Throws as check_follow_up does.
std::vector<RiskRow> risk_table(const FollowUp& follow_up);

// Patients by time, the shortest first; equal times in the order of the patients.
std::vector<std::size_t> order_by_time(std::span<const double> time);

}  // namespace plait
