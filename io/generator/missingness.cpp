#include "io/generator/missingness.h"

#include <cmath>

#include "io/generator/label_model.h"

namespace plait::synth {

std::optional<Mechanism> mechanism_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kMechanismNames.size(); ++i)
    if (name == kMechanismNames[i]) return static_cast<Mechanism>(i);
  return std::nullopt;
}

double Missingness::absent_probability(double signal) const {
  if (mechanism == Mechanism::random || rate == 0.0) return rate;
  return probability_of_logit(offset - slope * signal);
}

Density Missingness::given(const Density& density, bool available) const {
  if (mechanism == Mechanism::random || rate == 0.0) return density;  // it tells nothing
  std::array<double, kNodes> factor;
  for (int i = 0; i < kNodes; ++i) {
    const double absent = absent_probability(node(i));
    factor[static_cast<std::size_t>(i)] = available ? 1.0 - absent : absent;
  }
  return times(density, factor);
}

Missingness make_missingness(Mechanism mechanism, double rate) {
  Missingness missingness{.mechanism = mechanism, .rate = rate};
  if (mechanism == Mechanism::random || rate == 0.0) return missingness;
  missingness.slope = kLatentSlope;
  double low = -60.0, high = 60.0;
  while (high - low > 1e-9) {
    missingness.offset = (low + high) / 2.0;
    double mean = 0.0;
    for (int i = 0; i < kNodes; ++i)
      mean += prior_density()[static_cast<std::size_t>(i)] /
              (1.0 + std::exp(missingness.slope * node(i) - missingness.offset));
    (mean < rate ? low : high) = missingness.offset;
  }
  missingness.offset = std::round(missingness.offset * 1e6) / 1e6;
  return missingness;
}

ModalityMask draw_available(const Missingness& missingness, const Signals& signals, Draws draws) {
  unsigned bits = 0;
  for (std::size_t m = 0; m < signals.size(); ++m)
    if (draws.uniform() >= missingness.absent_probability(signals[m])) bits |= 1u << m;
  return static_cast<ModalityMask>(bits);
}

}  // namespace plait::synth
