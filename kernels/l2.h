// L2 penalty of a flat range of weights, value and gradient in one pass: value = sum W^2, gradient += 2 * coefficient *
// W (as printed in the paper's loss, no factor 1/2).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/grad_mode.h"
#include "kernels/stream.h"

namespace plait {
namespace cpu {

// workspace: reduce_workspace_bytes(count). The sum is ordered as in reduce.h.
template <class T>
void l2_penalty(std::int64_t count, double coefficient, const T* weights, double* value, GradSlice<T> gradient,
                void* workspace);

}  // namespace cpu

namespace gpu {

// The same on a device, with the same bits; value is in its memory. Parameters and their gradients are float.
void l2_penalty(std::int64_t count, double coefficient, const float* weights, double* value, GradSlice<float> gradient,
                void* workspace, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
