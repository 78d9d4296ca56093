#include "study/survival/kaplan_meier.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "study/statistics/normal.h"

namespace plait {

namespace {

SurvivalCurve curve_of(const std::vector<RiskRow>& rows, double half_width) {
  SurvivalCurve curve;
  double survival = 1.0, greenwood = 0.0;
  for (const RiskRow& row : rows) {
    const auto at_risk = static_cast<double>(row.at_risk), events = static_cast<double>(row.events);
    if (row.events > 0) {
      survival *= 1.0 - events / at_risk;
      if (row.events < row.at_risk) greenwood += events / (at_risk * (at_risk - events));
    }
    SurvivalPoint point{row};
    point.survival = point.lo = point.hi = survival;
    if (survival > 0.0 && survival < 1.0) {
      const double error = std::sqrt(greenwood), shift = half_width * error / std::log(survival);
      point.standard_error = survival * error;
      point.lo = std::pow(survival, std::exp(-shift));
      point.hi = std::pow(survival, std::exp(shift));
    }
    curve.points.push_back(point);
  }
  return curve;
}

}  // namespace

double SurvivalCurve::at(double time) const {
  const auto after = std::upper_bound(points.begin(), points.end(), time,
                                      [](double t, const SurvivalPoint& point) { return t < point.time; });
  return after == points.begin() ? 1.0 : std::prev(after)->survival;
}

std::optional<double> SurvivalCurve::median() const {
  const auto point = std::find_if(points.begin(), points.end(), [](const auto& p) { return p.survival <= 0.5; });
  if (point == points.end()) return std::nullopt;
  return point->time;
}

SurvivalCurve kaplan_meier(const FollowUp& follow_up, double level) {
  const double half_width = normal_half_width(level);
  return curve_of(risk_table(follow_up), half_width);
}

SurvivalCurve censoring_curve(const FollowUp& follow_up) {
  std::vector<RiskRow> rows = risk_table(follow_up);
  for (RiskRow& row : rows) {
    row.at_risk -= row.events;
    std::swap(row.events, row.censored);
  }
  return curve_of(rows, normal_half_width(0.95));
}

}  // namespace plait
