// L2 penalty of a flat range of weights, value and gradient in one pass: value = sum W^2, gradient += 2 * coefficient *
// W (as printed in the paper's loss, no factor 1/2).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/grad_mode.h"

namespace plait::cpu {

// workspace: reduce_workspace_bytes(count). The sum is ordered as in reduce.h.
template <class T>
void l2_penalty(std::int64_t count, double coefficient, const T* weights, double* value, GradSlice<T> gradient,
                void* workspace);

}  // namespace plait::cpu
