// The share of patients who are still without the event, under censoring.
// Sources: Kaplan and Meier, JASA 53 (1958); Greenwood, Reports on Public Health 33 (1926): the standard error;
// Kalbfleisch and Prentice, "The statistical analysis of failure time data": the interval on the log-log scale.
#pragma once

#include <optional>
#include <vector>

#include "study/survival/follow_up.h"

namespace plait {

// At and after this time, up to the next point.
struct SurvivalPoint : RiskRow {
  double survival = 1.0;
  double standard_error = 0.0;  // Greenwood: survival * sqrt(sum of events / (at_risk * (at_risk - events)))
  // survival^exp(-+ z * sqrt(that sum) / ln survival): inside (0, 1). No width where survival is 1 (no event so far)
  // or 0 (nobody left), which says nothing about how sure that is.
  double lo = 1.0, hi = 1.0;
};

struct SurvivalCurve {
  std::vector<SurvivalPoint> points;  // one a distinct time, ascending

  // Right-continuous: an event at t counts at t. 1 before the first point; after the last one its value.
  double at(double time) const;

  // The first time at which survival is 1/2 or less; empty where it never is.
  std::optional<double> median() const;
};

// O(n log n); nobody: no point. Throws as check_follow_up does, and ExitCode::internal for a level outside (0, 1).
SurvivalCurve kaplan_meier(const FollowUp& follow_up, double level = 0.95);

// The curve of staying under observation: censoring is the event, and of equal times the events come first, so the
// patients who had one are not at risk of being censored then. In its points `events` counts censorings.
SurvivalCurve censoring_curve(const FollowUp& follow_up);

}  // namespace plait
