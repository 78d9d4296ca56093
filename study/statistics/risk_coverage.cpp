#include "study/statistics/risk_coverage.h"

#include <algorithm>
#include <numeric>

#include "engine/error.h"
#include "study/statistics/finite.h"

namespace plait {

namespace {

RiskCoverage curve_of(std::span<const double> confidence, std::span<const double> loss) {
  const std::size_t n = loss.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return confidence[a] > confidence[b]; });
  RiskCoverage curve;
  double lost = 0.0, sum_of_risks = 0.0;
  for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
    double tied = 0.0;
    for (; end < n && confidence[order[end]] == confidence[order[begin]]; ++end) tied += loss[order[end]];
    const double each = tied / static_cast<double>(end - begin);
    for (std::size_t k = begin + 1; k <= end; ++k)
      sum_of_risks += (lost + static_cast<double>(k - begin) * each) / static_cast<double>(k);
    lost += tied;
    curve.points.push_back({.threshold = confidence[order[begin]],
                            .coverage = static_cast<double>(end) / static_cast<double>(n),
                            .risk = lost / static_cast<double>(end)});
  }
  if (n > 0) curve.area = sum_of_risks / static_cast<double>(n);
  return curve;
}

}  // namespace

RiskCoverage risk_coverage(std::span<const double> confidence, std::span<const double> loss) {
  check(confidence.size() == loss.size(), "[risk_coverage] confidence and loss: not as many of each");
  require_finite(confidence, "risk_coverage", "confidence");
  require_finite(loss, "risk_coverage", "loss");
  RiskCoverage curve = curve_of(confidence, loss);
  if (curve.area) {
    std::vector<double> best(loss.size());
    std::transform(loss.begin(), loss.end(), best.begin(), [](double value) { return -value; });
    curve.excess_area = *curve.area - *curve_of(best, loss).area;
  }
  return curve;
}

std::optional<RiskAtCoverage> widest_coverage(const RiskCoverage& curve, double risk) {
  for (auto point = curve.points.rbegin(); point != curve.points.rend(); ++point)
    if (point->risk <= risk) return *point;
  return std::nullopt;
}

}  // namespace plait
