#include "study/statistics/delong.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <vector>

#include "engine/error.h"
#include "study/statistics/finite.h"
#include "study/statistics/normal.h"

namespace plait {

namespace {

// Of each patient the share of the other label's patients that its score has on the right side, ties one half. Their
// mean over the positives is the area, and so is their mean over the negatives.
std::vector<double> placements(std::span<const double> scores, std::span<const double> labels) {
  const std::size_t n = scores.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  const auto positives = static_cast<std::size_t>(std::count(labels.begin(), labels.end(), 1.0));
  const auto share = [](std::size_t twice, std::size_t of) {
    return static_cast<double>(twice) / (2.0 * static_cast<double>(of));
  };

  std::vector<double> placed(n);
  std::size_t positives_below = 0, negatives_below = 0;
  for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
    std::size_t tied_positives = 0;
    for (; end < n && scores[order[end]] == scores[order[begin]]; ++end) tied_positives += labels[order[end]] == 1.0;
    const std::size_t tied_negatives = end - begin - tied_positives;
    const std::size_t positives_above = positives - positives_below - tied_positives;
    for (std::size_t rank = begin; rank < end; ++rank)
      placed[order[rank]] = labels[order[rank]] == 1.0 ? share(2 * negatives_below + tied_negatives, n - positives)
                                                       : share(2 * positives_above + tied_positives, positives);
    positives_below += tied_positives;
    negatives_below += tied_negatives;
  }
  return placed;
}

struct MeanAndVariance {
  double mean = 0.0, variance = 0.0;
};

// Sums over one group of (placement - mean), positives and negatives apart.
struct GroupSums {
  double deviation[2] = {0.0, 0.0};
  bool has[2] = {false, false};
};

std::vector<GroupSums> sums_of_groups(std::span<const double> placed, std::span<const double> labels, double mean,
                                      std::span<const std::size_t> group) {
  std::vector<GroupSums> sums;
  std::unordered_map<std::size_t, std::size_t> number;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    const std::size_t g = group.empty() ? i : number.try_emplace(group[i], number.size()).first->second;
    if (g == sums.size()) sums.emplace_back();
    sums[g].deviation[labels[i] == 1.0] += placed[i] - mean;
    sums[g].has[labels[i] == 1.0] = true;
  }
  return sums;
}

// Of the area, or of a difference of areas where `placed` holds differences of placements: so the variance of a
// difference is never the small rest of a subtraction.
std::optional<MeanAndVariance> mean_and_variance(std::span<const double> placed, std::span<const double> labels,
                                                 std::span<const std::size_t> group) {
  double positives = 0.0, sum = 0.0;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    if (labels[i] != 1.0) continue;
    sum += placed[i];
    positives += 1.0;
  }
  const double negatives = static_cast<double>(placed.size()) - positives;
  if (positives == 0.0 || negatives == 0.0) return std::nullopt;

  const double mean = sum / positives;
  const std::vector<GroupSums> groups = sums_of_groups(placed, labels, mean, group);
  double squares[2] = {0.0, 0.0}, with[2] = {0.0, 0.0}, products = 0.0;
  for (const GroupSums& g : groups) {
    for (const bool label : {false, true}) {
      squares[label] += g.deviation[label] * g.deviation[label];
      with[label] += g.has[label];
    }
    products += g.deviation[false] * g.deviation[true];
  }
  if (with[false] < 2.0 || with[true] < 2.0) return std::nullopt;
  const auto all = static_cast<double>(groups.size());
  return MeanAndVariance{.mean = mean,
                         .variance = with[true] / (with[true] - 1.0) * squares[true] / (positives * positives) +
                                     with[false] / (with[false] - 1.0) * squares[false] / (negatives * negatives) +
                                     2.0 * all / (all - 1.0) * products / (positives * negatives)};
}

double standard_error(const MeanAndVariance& m) {
  return std::sqrt(std::max(m.variance, 0.0));  // the groups' products can be negative
}

void check_input(std::span<const double> scores, std::span<const double> labels, std::span<const std::size_t> group) {
  check(scores.size() == labels.size(), "[delong] scores and labels: not as many of each");
  check(group.empty() || group.size() == labels.size(), "[delong] group: not one a patient");
  require_finite(scores, "delong", "scores");
  require_zero_or_one(labels, "delong", "labels");
}

}  // namespace

std::optional<AucEstimate> delong_auc(std::span<const double> scores, std::span<const double> labels, double level,
                                      std::span<const std::size_t> group) {
  check_input(scores, labels, group);
  const double width = normal_half_width(level);
  const auto area = mean_and_variance(placements(scores, labels), labels, group);
  if (!area) return std::nullopt;
  const double error = standard_error(*area);
  return AucEstimate{.auc = area->mean,
                     .standard_error = error,
                     .lo = std::max(area->mean - width * error, 0.0),
                     .hi = std::min(area->mean + width * error, 1.0)};
}

std::optional<AucComparison> delong_test(std::span<const double> first, std::span<const double> second,
                                         std::span<const double> labels, double level,
                                         std::span<const std::size_t> group) {
  check_input(first, labels, group);
  check_input(second, labels, group);
  const double width = normal_half_width(level);
  std::vector<double> placed = placements(first, labels);
  const auto first_area = mean_and_variance(placed, labels, group);
  const std::vector<double> placed_by_second = placements(second, labels);
  const auto second_area = mean_and_variance(placed_by_second, labels, group);
  for (std::size_t i = 0; i < placed.size(); ++i) placed[i] -= placed_by_second[i];
  const auto difference = mean_and_variance(placed, labels, group);
  if (!difference) return std::nullopt;

  const double error = standard_error(*difference);
  double z = 0.0;
  if (error > 0.0)
    z = difference->mean / error;
  else if (difference->mean != 0.0)
    z = std::copysign(std::numeric_limits<double>::infinity(), difference->mean);
  return AucComparison{.first = first_area->mean,
                       .second = second_area->mean,
                       .difference = difference->mean,
                       .standard_error = error,
                       .lo = std::max(difference->mean - width * error, -1.0),
                       .hi = std::min(difference->mean + width * error, 1.0),
                       .z = z,
                       .p = normal_two_sided(z)};
}

}  // namespace plait
