// From a Cox model's risk to a probability: the hazard of a patient of risk 0.
// Source: Breslow, discussion of Cox, JRSS B 34 (1972).
#pragma once

#include <span>
#include <vector>

#include "study/survival/follow_up.h"

namespace plait {

class BaselineHazard {
 public:
  struct Point {
    double time = 0.0, cumulative = 0.0;
  };

  // risk[n]: the linear predictors of the patients of whom the model was fitted. At each event time the cumulative
  // hazard grows by events / sum of exp(risk) over those at risk, ties as Breslow does (models fitted with Efron's too;
  // so does scikit-survival). O(n log n). Throws as check_follow_up does, ExitCode::internal where risk is not one a
  // patient, numeric where one is not finite.
  BaselineHazard(const FollowUp& follow_up, std::span<const double> risk);

  // One a distinct event time, ascending.
  const std::vector<Point>& points() const { return points_; }

  // Right-continuous; 0 before the first event, after the last one its value.
  double cumulative(double time) const;

  // exp(-cumulative(time) * exp(risk)): the probability of no event until then for a patient of that risk.
  double survival(double time, double risk) const;

 private:
  std::vector<Point> points_;
};

}  // namespace plait
