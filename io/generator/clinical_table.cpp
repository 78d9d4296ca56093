#include "io/generator/clinical_table.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/math/elementary.h"

namespace plait::synth {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

int draw_level(const CategoricalColumn& column, double signal, double age_units, double u) {
  int level = 0;
  const int last = static_cast<int>(column.levels.size()) - 1;
  for (; level < last; ++level) {
    const double p = column.level_probability(level, signal, age_units);
    if (u < p) break;
    u -= p;
  }
  return level;
}

// The numeric cells alone: (s, h) is normal with precision I + sum l l' / noise^2, l = (signal, acute).
Belief numeric_belief(const ClinicalTable& table, const ClinicalFindings& found) {
  double ss = 1.0, sh = 0.0, hh = 1.0, s = 0.0, h = 0.0;
  for (std::size_t j = 0; j < table.numeric.size(); ++j) {
    if (std::isnan(found.y[j])) continue;
    const NumericColumn& c = table.numeric[j];
    const double precision = 1.0 / (c.noise() * c.noise());
    const double rest = found.y[j] - c.age * found.age_units() - c.sex * (found.man ? 1.0 : -1.0);
    ss += c.signal * c.signal * precision;
    sh += c.signal * c.acute * precision;
    hh += c.acute * c.acute * precision;
    s += c.signal * rest * precision;
    h += c.acute * rest * precision;
  }
  const double determinant = ss * hh - sh * sh;
  return {.mean = (hh * s - sh * h) / determinant, .variance = hh / determinant};
}

}  // namespace

double NumericColumn::noise() const {
  return std::sqrt(1.0 - signal * signal - acute * acute);
}

double NumericColumn::value(double y) const {
  const double shown =
      skewed ? centre * static_cast<double>(exponential(static_cast<float>(scale * y))) : centre + scale * y;
  const double unit = std::pow(10.0, decimals);
  return std::round(shown * unit) / unit;
}

double CategoricalColumn::level_probability(int level, double signal_value, double age_units) const {
  const double shift = signal * signal_value + age * age_units;
  const auto below = [&](int k) { return probability_of_logit(thresholds[static_cast<std::size_t>(k)] - shift); };
  const int last = static_cast<int>(levels.size()) - 1;
  return (level == last ? 1.0 : below(level)) - (level == 0 ? 0.0 : below(level - 1));
}

ClinicalFindings draw_clinical(const ClinicalTable& table, double signal, Draws draws) {
  ClinicalFindings found;
  found.age = static_cast<int>(std::clamp(std::round(60.0 + 15.0 * draws.normal()), 18.0, 95.0));
  found.man = draws.uniform() < 0.5;
  found.acute = draws.normal();
  for (const NumericColumn& c : table.numeric) {
    const double y = c.signal * signal + c.acute * found.acute + c.age * found.age_units() +
                     c.sex * (found.man ? 1.0 : -1.0) + c.noise() * draws.normal();
    found.y.push_back(draws.uniform() < c.missing ? kMissing : y);
  }
  for (const CategoricalColumn& c : table.categorical) {
    const int level = draw_level(c, signal, found.age_units(), draws.uniform());
    found.level.push_back(draws.uniform() < c.missing ? -1 : level);
  }
  return found;
}

Density clinical_density(const ClinicalTable& table, const ClinicalFindings& found) {
  std::array<double, kNodes> likelihood;
  likelihood.fill(1.0);
  for (std::size_t j = 0; j < table.categorical.size(); ++j) {
    const CategoricalColumn& c = table.categorical[j];
    if (found.level[j] < 0 || c.signal == 0.0) continue;
    for (int i = 0; i < kNodes; ++i)
      likelihood[static_cast<std::size_t>(i)] *= c.level_probability(found.level[j], node(i), found.age_units());
  }
  return times(normal_density(numeric_belief(table, found)), likelihood);
}

}  // namespace plait::synth
