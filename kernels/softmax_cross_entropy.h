// Softmax cross-entropy, value and gradient in one pass over the logits: log-sum-exp with the maximum taken out,
// probabilities never stored.  loss_b = logsumexp(x) - x[class];  dx = coefficient * weight_b / denominator *
// (softmax(x) - onehot).
#pragma once

#include <cstdint>

#include "kernels/binary_cross_entropy.h"
#include "kernels/grad_mode.h"

namespace plait {
namespace cpu {

// classes[batch] in 0..columns-1 (not read where the weight is 0); the rest as in binary_cross_entropy.
template <class T>
void softmax_cross_entropy(const LossParams& p, const T* logits, const std::int32_t* classes, const float* weights,
                           const double* denominator, double* value, GradSlice<T> gradient);

}  // namespace cpu

// The same on a device, see binary_cross_entropy.h. workspace: loss_workspace_bytes().
namespace gpu {

template <class T>
void softmax_cross_entropy(const LossParams& p, const T* logits, const std::int32_t* classes, const float* weights,
                           const double* denominator, double* value, GradSlice<T> gradient, void* workspace,
                           cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
