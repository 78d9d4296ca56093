// Sorting and prefix sums of a whole device array, for metrics: not our craft, so the CUDA side is CUB
// (cuda/sort_cub.cu), the executor's a twin on the host (simt/sort.cpp). Both give the same bits: the sort is stable,
// the sums are of integers (CUB does not promise an order for sums of floating-point numbers).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/stream.h"

namespace plait::gpu {

// Scratch of either function for `count` elements.
std::size_t sort_workspace_bytes(std::int64_t count);

// Pairs of key and payload, highest key first; equal keys (-0 and 0 are) keep their order. NaN: those of positive sign
// above infinity, those of negative sign below -infinity. No output may be an input; count < 2^31.
void sort_descending(std::int64_t count, const float* keys, const std::int32_t* payload, float* sorted_keys,
                     std::int32_t* sorted_payload, void* workspace, cudaStream_t stream);

// sums[i] = x[0] + .. + x[i].
void inclusive_sum(std::int64_t count, const std::int32_t* x, std::int64_t* sums, void* workspace, cudaStream_t stream);

}  // namespace plait::gpu
