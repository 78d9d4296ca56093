// A ring of the numbers that training steps produce, on the device: the host reads it every few steps instead of
// waiting in each.
#pragma once

#include <cstdint>

#include "kernels/stream.h"

namespace plait {

struct StepLogParams {
  std::int64_t values = 0;  // numbers of a step
  std::int64_t length = 0;  // steps that the ring holds
};

namespace gpu {

// ring[*steps % length][i] = values[i] for i < p.values; then *steps += 1.
void log_step(const StepLogParams& p, const double* values, double* ring, std::uint64_t* steps, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
