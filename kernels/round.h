// Floats as bf16 (nearest, ties to even) and back, over flat buffers: gradients on their way between ranks.
#pragma once

#include <cstdint>

#include "kernels/math/bf16.h"
#include "kernels/stream.h"

namespace plait {
namespace cpu {

void round(std::int64_t count, const float* x, bf16* y);
void widen(std::int64_t count, const bf16* x, float* y);

}  // namespace cpu

// The same on a device, with the same bits.
namespace gpu {

void round(std::int64_t count, const float* x, bf16* y, cudaStream_t stream);
void widen(std::int64_t count, const bf16* x, float* y, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
