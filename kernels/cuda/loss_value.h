// The value of a loss, sum_b weight_b loss_b / denominator, in double: every thread brings what its patients add, a
// block adds its threads, and where there are several blocks a second launch adds those. The order depends on the shape
// alone. (The CPU adds patient after patient; 8192 dependent additions would take 40 us.)
#pragma once

#include <cstdint>

#include "kernels/device/reduce.h"
#include "kernels/launch.h"

namespace plait::cuda {

inline constexpr unsigned most_loss_blocks = 1024;
inline constexpr int finish_threads = 256;

// A patient of weight 0 is out of the loss: selected, not multiplied. With the denominator 0 everybody is.
__device__ __forceinline__ bool takes_part(float weight, double denominator) {
  return weight != 0.0f && denominator != 0.0;
}

// What multiplies dloss_b in the gradient of a patient who takes part.
__device__ __forceinline__ double gradient_factor(double coefficient, float weight, double denominator) {
  return coefficient * static_cast<double>(weight) / denominator;
}

struct LossValue {
  double* of_block;  // [blocks], scratch
  double* value;
  const double* denominator;
  double divisor;  // of every patient's sum; 1 where the threads have divided already

  __device__ void write(double sum) const { *value = *denominator != 0.0 ? sum / divisor / *denominator : 0.0; }

  // By all threads of every block, once, at the end.
  template <int threads>
  __device__ void add(double of_thread) const {
    const double sum = device::block_sum<threads>(of_thread);
    if (threadIdx.x != 0) return;
    if (gridDim.x * gridDim.y == 1)
      write(sum);
    else
      of_block[blockIdx.y * gridDim.x + blockIdx.x] = sum;
  }
};

template <int threads>
__global__ void __launch_bounds__(threads) finish_loss_kernel(unsigned blocks, LossValue value) {
  double sum = 0.0;
  for (unsigned i = threadIdx.x; i < blocks; i += threads) sum += value.of_block[i];
  sum = device::block_sum<threads>(sum);
  if (threadIdx.x == 0) value.write(sum);
}

inline void finish_loss(dim3 grid, const LossValue& value, cudaStream_t stream) {
  const unsigned blocks = grid.x * grid.y;
  if (blocks > 1) launch(finish_loss_kernel<finish_threads>, 1, finish_threads, 0, stream, blocks, value);
}

}  // namespace plait::cuda
