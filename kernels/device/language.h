// The language of a kernel file, understood by two compilers: by nvcc as CUDA C++, by the host's compiler as plain C++
// that the SIMT executor runs (kernels/simt/). The CUDA words mean the same in both: __global__, __device__,
// __forceinline__, __launch_bounds__, threadIdx, blockIdx, blockDim, gridDim, dim3, __syncthreads, __syncwarp, the
// __shfl_*_sync family, votes, atomicAdd/Max/Min. What is written differently: shared memory (shared_memory.h), vector
// access (pack.h), copies and matrix instructions (async_copy.h, matrix.h), launches (kernels/launch.h).
//
// Rules of a kernel that both can run:
//   - collectives are called by every lane of the mask, on the same source line;
//   - no warp-synchronous code: __syncwarp() between a shared write and another lane's read;
//   - never spin on memory; blocks may not assume an order;
//   - no function-local statics, exceptions, recursion, new, volatile, textures;
//   - PLAIT_UNROLL, not #pragma unroll;
//   - fused multiply-adds are written (fmaf): both compilers contract nothing on their own.
#pragma once

#ifdef __CUDACC__

#define PLAIT_UNROLL _Pragma("unroll")

#else

#include "kernels/simt/language.h"
#if defined(__clang__)
#define PLAIT_UNROLL _Pragma("unroll")
#else
#define PLAIT_UNROLL _Pragma("GCC unroll 64")
#endif

#endif

namespace plait::device {

inline constexpr int warp_size = 32;
inline constexpr unsigned full_warp = 0xFFFFFFFFu;

}  // namespace plait::device
