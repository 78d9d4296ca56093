#include "study/survival/log_rank.h"

#include <utility>

#include "engine/error.h"
#include "study/statistics/chi_squared.h"

namespace plait {

namespace {

struct QuadraticForm {
  double value = 0.0;
  int rank = 0;
};

// d^T V^+ d of a positive semi-definite V[k, k] by elimination. A pivot that is nothing but rounding beside its own
// diagonal belongs to a direction in which neither V nor d extends: the last group's, whose sums follow from the
// others'.
QuadraticForm quadratic_form(std::vector<double> v, std::vector<double> d) {
  constexpr double kRounding = 1e-9;
  const std::size_t k = d.size();
  std::vector<double> diagonal(k);
  for (std::size_t i = 0; i < k; ++i) diagonal[i] = v[i * k + i];
  QuadraticForm form;
  for (std::size_t i = 0; i < k; ++i) {
    const double pivot = v[i * k + i];
    if (!(pivot > kRounding * diagonal[i])) continue;
    form.value += d[i] * d[i] / pivot;
    ++form.rank;
    for (std::size_t r = i + 1; r < k; ++r) {
      const double factor = v[r * k + i] / pivot;
      d[r] -= factor * d[i];
      for (std::size_t c = i + 1; c < k; ++c) v[r * k + c] -= factor * v[i * k + c];
    }
  }
  return form;
}

}  // namespace

std::optional<LogRankTest> log_rank_test(const FollowUp& follow_up, std::span<const std::size_t> group,
                                         std::size_t groups) {
  check_follow_up(follow_up, "log_rank");
  check(group.size() == follow_up.patients(), "[log_rank] group: not one a patient");
  LogRankTest test{.groups = std::vector<LogRankGroup>(groups)};
  std::vector<double> at_risk(groups, 0.0), variance(groups * groups, 0.0);
  for (const std::size_t g : group) {
    check(g < groups, "[log_rank] group: not below the number of groups");
    ++test.groups[g].patients;
    at_risk[g] += 1.0;
  }

  const std::vector<std::size_t> order = order_by_time(follow_up.time);
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    const auto all = static_cast<double>(order.size() - begin);
    double events = 0.0;
    for (; end < order.size() && follow_up.time[order[end]] == follow_up.time[order[begin]]; ++end) {
      if (follow_up.event[order[end]] != 1.0) continue;
      events += 1.0;
      ++test.groups[group[order[end]]].events;
    }
    if (events > 0.0) {
      for (std::size_t g = 0; g < groups; ++g) test.groups[g].expected += events * at_risk[g] / all;
      const double spread = all > 1.0 ? events * (all - events) / (all - 1.0) : 0.0;
      for (std::size_t g = 0; g < groups; ++g)
        for (std::size_t h = 0; h < groups; ++h)
          variance[g * groups + h] += spread * at_risk[g] / all * ((g == h ? 1.0 : 0.0) - at_risk[h] / all);
    }
    for (std::size_t i = begin; i < end; ++i) at_risk[group[order[i]]] -= 1.0;
  }

  std::vector<double> difference(groups);
  for (std::size_t g = 0; g < groups; ++g)
    difference[g] = static_cast<double>(test.groups[g].events) - test.groups[g].expected;
  const QuadraticForm form = quadratic_form(std::move(variance), std::move(difference));
  if (form.rank == 0) return std::nullopt;
  test.statistic = form.value;
  test.degrees_of_freedom = form.rank;
  test.p = chi_squared_upper_tail(form.value, form.rank);
  return test;
}

}  // namespace plait
