#include "study/survival/brier_score.h"

#include <algorithm>
#include <functional>

#include "engine/error.h"
#include "study/statistics/finite.h"

namespace plait {

namespace {

double inverse(double probability) {
  return probability > 0.0 ? 1.0 / probability : 0.0;
}

}  // namespace

std::vector<double> brier_scores(const SurvivalCurve& censoring, const FollowUp& test, std::span<const double> survival,
                                 std::span<const double> times) {
  check_follow_up(test, "brier_score");
  check(survival.size() == test.patients() * times.size(), "[brier_score] survival: not one a patient and time");
  check(std::adjacent_find(times.begin(), times.end(), std::greater_equal<>()) == times.end(),
        "[brier_score] times: not ascending");
  require_finite(survival, "brier_score", "survival");
  require_finite(times, "brier_score", "times");

  std::vector<double> weight_at(times.size()), scores(times.size(), 0.0);
  std::transform(times.begin(), times.end(), weight_at.begin(), [&](double t) { return inverse(censoring.at(t)); });
  for (std::size_t i = 0; i < test.patients(); ++i) {
    const double own_weight = inverse(censoring.at(test.time[i]));
    for (std::size_t k = 0; k < times.size(); ++k) {
      const double s = survival[i * times.size() + k];
      if (test.time[i] > times[k])
        scores[k] += (1.0 - s) * (1.0 - s) * weight_at[k];
      else if (test.event[i] == 1.0)
        scores[k] += s * s * own_weight;
    }
  }
  for (double& score : scores) score /= static_cast<double>(test.patients());
  return scores;
}

std::optional<double> integrated_brier_score(const SurvivalCurve& censoring, const FollowUp& test,
                                             std::span<const double> survival, std::span<const double> times) {
  const std::vector<double> scores = brier_scores(censoring, test, survival, times);
  if (times.size() < 2 || test.patients() == 0) return std::nullopt;
  double area = 0.0;
  for (std::size_t k = 1; k < times.size(); ++k) area += (scores[k] + scores[k - 1]) / 2.0 * (times[k] - times[k - 1]);
  return area / (times.back() - times.front());
}

}  // namespace plait
