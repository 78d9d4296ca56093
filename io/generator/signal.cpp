#include "io/generator/signal.h"

#include <cmath>

#include "engine/error.h"

namespace plait::synth {
namespace {

Density normalised(Density density) {
  double sum = 0.0;
  for (const double w : density) sum += w;
  check(sum > 0.0, "[synth] a density without mass");
  for (double& w : density) w /= sum;
  return density;
}

}  // namespace

Density normal_density(const Belief& belief) {
  Density density;
  for (int i = 0; i < kNodes; ++i) {
    const double off = node(i) - belief.mean;
    density[static_cast<std::size_t>(i)] = std::exp(-0.5 * off * off / belief.variance);
  }
  return normalised(density);
}

const Density& prior_density() {
  static const Density prior = normal_density({});
  return prior;
}

Density times(const Density& density, const std::array<double, kNodes>& factor) {
  Density product;
  for (std::size_t i = 0; i < product.size(); ++i) product[i] = density[i] * factor[i];
  return normalised(product);
}

Belief moments(const Density& density) {
  Belief belief{.mean = 0.0, .variance = 0.0};
  for (int i = 0; i < kNodes; ++i) belief.mean += density[static_cast<std::size_t>(i)] * node(i);
  for (int i = 0; i < kNodes; ++i) {
    const double off = node(i) - belief.mean;
    belief.variance += density[static_cast<std::size_t>(i)] * off * off;
  }
  return belief;
}

}  // namespace plait::synth
