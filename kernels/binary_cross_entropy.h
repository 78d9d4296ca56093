// Binary cross-entropy from the logit, value and gradient in one pass: probabilities are never stored. One column is
// the binary head, L columns the multi-label head (per patient the mean over its labels).
//   loss_b = mean over l of softplus(x) - x t;  dx = coefficient * weight_b / denominator * (sigmoid(x) - t) / L.
#pragma once

#include <cstdint>

#include "kernels/grad_mode.h"

namespace plait {

struct LossParams {
  std::int64_t batch = 0, columns = 0;
  std::int64_t stride = 0;   // elements between rows of the logits (or predictions) and of their gradient
  double coefficient = 1.0;  // multiplies the gradient, not the value
};

namespace cpu {

// targets[batch, columns], contiguous, 0..1; weights[batch]: a weight of 0 takes the patient out (selected, its
// gradient is an exact zero). *value = sum_b weight_b loss_b / *denominator, in patient order in double (0 when the
// denominator is 0).
template <class T>
void binary_cross_entropy(const LossParams& p, const T* logits, const float* targets, const float* weights,
                          const double* denominator, double* value, GradSlice<T> gradient);

}  // namespace cpu
}  // namespace plait
