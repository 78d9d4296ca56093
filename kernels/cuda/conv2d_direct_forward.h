// Convolutions of few in-channels, forward (conv2d_stem.cu).
#pragma once

#include "kernels/conv2d.h"

namespace plait::conv {

// Whether direct_forward takes the layer: 1 to 4 in-channels, at most 64 weights an out-channel, a batch that fits a
// launch.
bool is_direct(const Conv2dParams& p);

template <class T>
void direct_forward(const Conv2dParams& p, const T* x, const T* weight, const float* bias, T* y, cudaStream_t stream);

}  // namespace plait::conv
