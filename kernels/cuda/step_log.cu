// One small block that copies a step's numbers (losses, L2, gradient norm, the first non-finite element) to their place
// in the ring. 0.5 KiB moved; a launch of its own, because it must follow everything else in the step.
#include "kernels/step_log.h"

#include "kernels/launch.h"

namespace plait {
namespace {

constexpr int threads = 64;

__global__ void __launch_bounds__(threads)
    log_step_kernel(StepLogParams p, const double* values, double* ring, std::uint64_t* steps) {
  const std::uint64_t step = *steps;
  double* place = ring + static_cast<std::int64_t>(step % static_cast<std::uint64_t>(p.length)) * p.values;
  for (std::int64_t i = threadIdx.x; i < p.values; i += threads) place[i] = values[i];
  __syncthreads();  // everybody has read the counter
  if (threadIdx.x == 0) *steps = step + 1;
}

}  // namespace

void gpu::log_step(const StepLogParams& p, const double* values, double* ring, std::uint64_t* steps,
                   cudaStream_t stream) {
  launch(log_step_kernel, 1, threads, 0, stream, p, values, ring, steps);
}

}  // namespace plait
