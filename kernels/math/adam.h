// One parameter's step of Adam or AdamW, and the numbers that all parameters share. Formulas and sources: optimizer.h.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/math/hd.h"
#include "kernels/optimizer.h"

namespace plait {

// base^exponent by squaring: a fixed order of multiplications, where std::pow may differ between libraries.
PLAIT_HD double power(double base, std::uint64_t exponent) {
  double result = 1.0;
  for (; exponent != 0; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

template <class T>
struct AdamCoefficients {
  T beta1, rest1, beta2, rest2;  // rest = 1 - beta
  T epsilon, rate, root_scale;   // rate = lr / (1 - beta1^t), root_scale = 1 / sqrt(1 - beta2^t)
  T gradient_scale, decay;
};

template <class T>
PLAIT_HD AdamCoefficients<T> adam_coefficients(const AdamParams& p, const StepScalars& scalars) {
  const std::uint64_t t = std::uint64_t{scalars.step} + 1;
  const double lr = static_cast<double>(scalars.learning_rate);
  return {
      .beta1 = static_cast<T>(p.beta1),
      .rest1 = static_cast<T>(1.0 - p.beta1),
      .beta2 = static_cast<T>(p.beta2),
      .rest2 = static_cast<T>(1.0 - p.beta2),
      .epsilon = static_cast<T>(p.epsilon),
      .rate = static_cast<T>(lr / (1.0 - power(p.beta1, t))),
      .root_scale = static_cast<T>(1.0 / std::sqrt(1.0 - power(p.beta2, t))),
      .gradient_scale = static_cast<T>(scalars.gradient_scale),
      .decay = static_cast<T>(lr * 2.0 * p.decoupled_l2),
  };
}

// w, m and v of one parameter; decayed: AdamW's decay applies to it.
template <class T>
PLAIT_HD void adam_update(const AdamCoefficients<T>& c, bool decayed, T gradient, T& w, T& m, T& v) {
  const T g = gradient * c.gradient_scale;
  m = c.beta1 * m + c.rest1 * g;
  v = c.beta2 * v + c.rest2 * (g * g);
  const T shrunk = decayed ? w - c.decay * w : w;
  // v - v is 0, or NaN where v has overflowed: else the step would be 0 from there on, and nobody would know.
  w = shrunk - c.rate * (m / (std::sqrt(v) * c.root_scale + c.epsilon + (v - v)));
}

}  // namespace plait
