// Mean squared error, value and gradient in one pass: loss_b = mean over columns of (x - t)^2.
#pragma once

#include "kernels/binary_cross_entropy.h"
#include "kernels/grad_mode.h"

namespace plait {
namespace cpu {

// targets[batch, columns], contiguous; the rest as in binary_cross_entropy.
template <class T>
void squared_error(const LossParams& p, const T* predictions, const float* targets, const float* weights,
                   const double* denominator, double* value, GradSlice<T> gradient);

}  // namespace cpu

// The same on a device, see binary_cross_entropy.h. workspace: loss_workspace_bytes().
namespace gpu {

template <class T>
void squared_error(const LossParams& p, const T* predictions, const float* targets, const float* weights,
                   const double* denominator, double* value, GradSlice<T> gradient, void* workspace,
                   cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
