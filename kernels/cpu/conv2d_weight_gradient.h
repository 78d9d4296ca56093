// Weight and bias gradients of the convolution, both in one pass over x and dy.
#pragma once

#include <cstddef>

#include "kernels/conv2d.h"

namespace plait::cpu {

template <class T>
std::size_t conv2d_weight_gradient_workspace_bytes(const Conv2dParams& p);

// At least one of the two modes is not `ignore`, and there is at least one output.
template <class T>
void conv2d_weight_gradient(const Conv2dParams& p, const T* x, const T* y, const T* dy, GradSlice<T> weight,
                            GradSlice<T> bias, void* workspace);

// All gradients where there is no output: zeros to overwrite, nothing to accumulate.
template <class T>
void conv2d_no_gradient(const Conv2dParams& p, const Conv2dGradients<T>& gradients);

}  // namespace plait::cpu
