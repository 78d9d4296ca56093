// Adam, AdamW and SGD over the flat parameter buffer, one pass: Adam moves 28 B per parameter (reads g, W, m, v; writes
// W, m, v), SGD 20.
#include "kernels/optimizer.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/math/adam.h"
#include "kernels/reduce.h"

namespace plait::cpu {
namespace {

constexpr std::int64_t parameters_per_part = 32768;

template <bool decayed, class T>
void adam_range(const AdamCoefficients<T>& c, std::int64_t begin, std::int64_t end, const T* gradients, T* weights,
                T* first_moment, T* second_moment) {
  with_isa([=] {
    for (std::int64_t i = begin; i < end; ++i)
      adam_update(c, decayed, gradients[i], weights[i], first_moment[i], second_moment[i]);
  });
}

}  // namespace

template <class T>
void adam_step(const AdamParams& p, const StepScalars& scalars, const T* gradients, T* weights, T* first_moment,
               T* second_moment) {
  const auto c = adam_coefficients<T>(p, scalars);
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
  scalars.gradient_scale = clip_scale(norm, clip);
  return norm;
}

// A norm that is not finite scales nothing: the caller sees it and stops.
float clip_scale(double norm, double clip) {
  return static_cast<float>(clip > 0.0 && std::isfinite(norm) ? std::min(1.0, clip / (norm + 1e-6)) : 1.0);
}

template void adam_step(const AdamParams&, const StepScalars&, const float*, float*, float*, float*);
template void adam_step(const AdamParams&, const StepScalars&, const double*, double*, double*, double*);
template void sgd_step(const SgdParams&, const StepScalars&, const float*, float*, float*);
template void sgd_step(const SgdParams&, const StepScalars&, const double*, double*, double*);
template double clip_gradient_norm(std::int64_t, const float*, double, StepScalars&, void*);
template double clip_gradient_norm(std::int64_t, const double*, double, StepScalars&, void*);

}  // namespace plait::cpu
