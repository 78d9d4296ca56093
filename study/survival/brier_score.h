// How far predicted survival probabilities are from what happened, under censoring: patients are weighted by the
// inverse probability of having been observed until then.
// Source: Graf, Schmoor, Sauerbrei, Schumacher, Statistics in Medicine 18 (1999).
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "study/survival/follow_up.h"
#include "study/survival/kaplan_meier.h"

namespace plait {

// One Brier score a time point, each the mean over the patients of
//   S(t)^2 / G(T)        for an event at T <= t,
//   (1 - S(t))^2 / G(t)  for T > t,  and 0 for a patient censored by then,
// G = `censoring`, the censoring_curve() of the training part (at T itself, as scikit-survival has it). Where G is 0
// the term is 0. survival[n, times] row-major: predicted probabilities of no event until times[k]; times ascending. O(n
// * times). Points beyond the last time of the test or the training part mean nothing: nobody there is known. Choose
// them below. Throws as check_follow_up does, ExitCode::internal for shapes or times not as above, numeric for a
// prediction that is not finite.
std::vector<double> brier_scores(const SurvivalCurve& censoring, const FollowUp& test, std::span<const double> survival,
                                 std::span<const double> times);

// Their mean over time: the trapezoidal area divided by times.back() - times.front(). Empty below two time points and
// for nobody.
std::optional<double> integrated_brier_score(const SurvivalCurve& censoring, const FollowUp& test,
                                             std::span<const double> survival, std::span<const double> times);

}  // namespace plait
