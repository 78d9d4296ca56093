// Do groups of patients have the same survival? Sources: Mantel, Cancer Chemotherapy Reports 50 (1966); Peto and Peto,
// JRSS A 135 (1972). Ties by the hypergeometric variance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "study/survival/follow_up.h"

namespace plait {

struct LogRankGroup {
  std::uint64_t patients = 0, events = 0;
  double expected = 0.0;  // events, had all groups the same hazard
};

struct LogRankTest {
  std::vector<LogRankGroup> groups;
  double statistic = 0.0;  // chi-squared
  int degrees_of_freedom = 0;
  double p = 1.0;
};

// group[n], numbers below `groups`. Groups of whom nobody is at risk at any event, empty ones too, take no part; the
// degrees of freedom are those that do, less one. Empty where that leaves none, or where every event takes all who are
// at risk. O(n log n + distinct event times * groups^2 + groups^3).
// Throws as check_follow_up does, and ExitCode::internal for a group that is not below `groups`.
std::optional<LogRankTest> log_rank_test(const FollowUp& follow_up, std::span<const std::size_t> group,
                                         std::size_t groups);

}  // namespace plait
