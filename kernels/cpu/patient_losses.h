// The frame that every data loss shares: losses of patients computed in parallel, summed in patient order in double.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/parallel.h"

namespace plait::cpu {

inline constexpr std::int64_t patients_at_once = 4096;

// A patient of weight 0 is out of the loss: selected, not multiplied. With the denominator 0 everybody is.
inline bool takes_part(float weight, double denominator) {
  return weight != 0.0f && denominator != 0.0;
}

// fill_losses(begin, end, losses): the losses of patients begin .. end-1 into losses[0 .. end-begin), and their
// gradients; losses of patients who take no part are not read. Returns sum weight_b loss_b / denominator, 0 when it is
// 0.
template <class FillLosses>
double weighted_mean_of_losses(std::int64_t batch, const float* weights, double denominator, std::int64_t grain,
                               const FillLosses& fill_losses) {
  double losses[patients_at_once], sum = 0.0;
  for (std::int64_t first = 0; first < batch; first += patients_at_once) {
    const std::int64_t count = std::min(patients_at_once, batch - first);
    parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
      fill_losses(first + begin, first + end, losses + begin);
    });
    for (std::int64_t i = 0; i < count; ++i)
      if (takes_part(weights[first + i], denominator)) sum += static_cast<double>(weights[first + i]) * losses[i];
  }
  return denominator != 0.0 ? sum / denominator : 0.0;
}

// What multiplies dloss_b in the gradient of a patient who takes part.
inline double gradient_factor(double coefficient, float weight, double denominator) {
  return coefficient * static_cast<double>(weight) / denominator;
}

}  // namespace plait::cpu
