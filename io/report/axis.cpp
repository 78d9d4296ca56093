#include "io/report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace plait::report {
namespace {

double round_step(double span, int wanted) {
  const double rough = span / std::max(wanted, 1), power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough * (1.0 - 1e-9)) return factor * power;
  return 10.0 * power;
}

}  // namespace

double Axis::at(double value) const {
  const double share = std::clamp((value - low) / (high - low), 0.0, 1.0);
  return from + share * (to - from);
}

std::vector<double> round_ticks(double low, double high, int wanted) {
  const double step = round_step(high - low, wanted);
  std::vector<double> ticks;
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k += 1.0) ticks.push_back(k * step);
  return ticks;
}

Range round_range(const std::vector<double>& values, int wanted) {
  if (values.empty()) return {};
  auto [low, high] = std::minmax_element(values.begin(), values.end());
  double from = *low, to = *high;
  if (!(to > from)) from -= 0.5 * std::max(std::fabs(to), 1e-3), to += 0.5 * std::max(std::fabs(to), 1e-3);
  const double step = round_step(to - from, wanted);
  return {std::floor(from / step + 1e-9) * step, std::ceil(to / step - 1e-9) * step};
}

std::string tick_text(double value, double step) {
  const int decimals = std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 6);
  std::string text = fmt::format("{:.{}f}", value, decimals);
  return text.find_first_not_of("-0.") == std::string::npos ? text.substr(text[0] == '-' ? 1 : 0) : text;
}

}  // namespace plait::report
