// Adam, AdamW and SGD over the flat parameter buffer, one pass: Adam moves 28 B per parameter (reads g, W, m, v; writes
// W, m, v), SGD 20.
#include "kernels/optimizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/reduce.h"

namespace plait::cpu {
namespace {

constexpr std::int64_t parameters_per_part = 32768;

// base^exponent by squaring: a fixed order of multiplications, where std::pow may differ between libraries.
double power(double base, std::uint64_t exponent) {
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

template <bool decayed, class T>
void adam_range(const AdamCoefficients<T>& c, std::int64_t begin, std::int64_t end, const T* gradients, T* weights,
                T* first_moment, T* second_moment) {
  with_isa([=] {
    for (std::int64_t i = begin; i < end; ++i) {
      const T g = gradients[i] * c.gradient_scale;
      const T m = c.beta1 * first_moment[i] + c.rest1 * g;
      const T v = c.beta2 * second_moment[i] + c.rest2 * (g * g);
      T w = weights[i];
      if constexpr (decayed) w -= c.decay * w;
      weights[i] = w - c.rate * (m / (std::sqrt(v) * c.root_scale + c.epsilon));
      first_moment[i] = m;
      second_moment[i] = v;
    }
  });
}

}  // namespace

template <class T>
void adam_step(const AdamParams& p, const StepScalars& scalars, const T* gradients, T* weights, T* first_moment,
               T* second_moment) {
  const std::uint64_t t = std::uint64_t{scalars.step} + 1;
  const double lr = static_cast<double>(scalars.learning_rate);
  const AdamCoefficients<T> c = {
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
  const std::int64_t decayed = p.decoupled_l2 == 0.0 ? 0 : std::clamp<std::int64_t>(p.decayed, 0, p.count);
  parallel_for(p.count, parameters_per_part, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t border = std::clamp(decayed, begin, end);
    adam_range<true>(c, begin, border, gradients, weights, first_moment, second_moment);
    adam_range<false>(c, border, end, gradients, weights, first_moment, second_moment);
  });
}

template <class T>
void sgd_step(const SgdParams& p, const StepScalars& scalars, const T* gradients, T* weights, T* velocity) {
  const T momentum = static_cast<T>(p.momentum), rate = static_cast<T>(scalars.learning_rate);
  const T scale = static_cast<T>(scalars.gradient_scale);
  parallel_for(p.count, parameters_per_part, [=](std::int64_t begin, std::int64_t end) {
    with_isa([=] {
      for (std::int64_t i = begin; i < end; ++i) {
        const T u = momentum * velocity[i] + gradients[i] * scale;
        velocity[i] = u;
        weights[i] -= rate * u;
      }
    });
  });
}

template <class T>
double clip_gradient_norm(std::int64_t count, const T* gradients, double clip, StepScalars& scalars, void* workspace) {
  const double norm = std::sqrt(sum_of_squares(count, gradients, workspace));
  // A norm that is not finite scales nothing: the caller sees it in the returned value and stops.
  const double scale = clip > 0.0 && std::isfinite(norm) ? std::min(1.0, clip / (norm + 1e-6)) : 1.0;
  scalars.gradient_scale = static_cast<float>(scale);
  return norm;
}

template void adam_step(const AdamParams&, const StepScalars&, const float*, float*, float*, float*);
template void adam_step(const AdamParams&, const StepScalars&, const double*, double*, double*, double*);
template void sgd_step(const SgdParams&, const StepScalars&, const float*, float*, float*);
template void sgd_step(const SgdParams&, const StepScalars&, const double*, double*, double*);
template double clip_gradient_norm(std::int64_t, const float*, double, StepScalars&, void*);
template double clip_gradient_norm(std::int64_t, const double*, double, StepScalars&, void*);

}  // namespace plait::cpu
