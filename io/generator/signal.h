// The planted signals: one standard normal number a modality, independent of each other, on which the label depends;
// and what can be known about one of them, as weights on a grid.
#pragma once

#include <array>

namespace plait::synth {

// The order of the modalities everywhere in the generator; bit m of a ModalityMask is modality m.
inline constexpr int kModalities = 3;
inline constexpr std::array<const char*, kModalities> kModalityNames = {"ehr", "image", "genomics"};
inline constexpr int kEhr = 0, kImage = 1, kGenomics = 2;

using Signals = std::array<double, kModalities>;

// Integrals over a signal are sums over these nodes, evenly spaced on [-5, 5]: for a smooth function that vanishes at
// the ends the trapezoidal rule converges faster than any power of the spacing, here below 1e-9 for a Gaussian of
// standard deviation 0.3 or more.
inline constexpr int kNodes = 33;
constexpr double node(int i) {
  return -5.0 + 10.0 * i / (kNodes - 1);
}

// Weights on the nodes, not negative, summing to 1: a distribution of one signal.
using Density = std::array<double, kNodes>;

struct Belief {
  double mean = 0.0, variance = 1.0;
};

// Normal densities; the prior is that of mean 0 and variance 1.
Density normal_density(const Belief& belief);
const Density& prior_density();

// density(s) * factor(s), made to sum to 1.
Density times(const Density& density, const std::array<double, kNodes>& factor);

Belief moments(const Density& density);

}  // namespace plait::synth
