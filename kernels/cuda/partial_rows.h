// out[c] (+)= the sum over r of rows[r][c], in a fixed order: the second pass of column sums whose first pass has left
// one row of partial sums a block. A few hundred rows come from the second-level cache; 32 columns a block and 32 rows
// at once, so that their latency is paid a few times only.
#pragma once

#include <cstdint>

#include "kernels/device/shared_memory.h"
#include "kernels/grad_mode.h"
#include "kernels/launch.h"

namespace plait::cuda {

inline constexpr int partial_columns = 32, partial_chains = 32;

__device__ __forceinline__ float sum_of_chains(const float (&of)[partial_chains][partial_columns], int column) {
  float sum = of[0][column];
  PLAIT_UNROLL
  for (int chain = 1; chain < partial_chains; ++chain) sum += of[chain][column];
  return sum;
}

// Templated to be defined in several translation units.
template <class Row = float>
__global__ void __launch_bounds__(partial_columns* partial_chains)
    sum_partial_rows_kernel(std::int64_t rows, std::int64_t columns, const Row* partial, bool add, float* out) {
  struct Sums {
    float of[partial_chains][partial_columns];
  };
  Sums& sums = device::block_shared<Sums>();
  const int in_block = static_cast<int>(threadIdx.x) % partial_columns,
            chain = static_cast<int>(threadIdx.x) / partial_columns;
  const std::int64_t column = std::int64_t{blockIdx.x} * partial_columns + in_block;
  float sum = 0.0f;
  if (column < columns) {
    constexpr int ahead = 8;
    std::int64_t row = chain;
    for (; row + (ahead - 1) * partial_chains < rows; row += ahead * partial_chains) {
      Row next[ahead];
      PLAIT_UNROLL
      for (int i = 0; i < ahead; ++i) next[i] = partial[(row + i * partial_chains) * columns + column];
      PLAIT_UNROLL
      for (int i = 0; i < ahead; ++i) sum += next[i];
    }
    for (; row < rows; row += partial_chains) sum += partial[row * columns + column];
  }
  sums.of[chain][in_block] = sum;
  __syncthreads();
  if (chain != 0 || column >= columns) return;
  const float total = sum_of_chains(sums.of, in_block);
  out[column] = add ? out[column] + total : total;
}

// partial[rows, columns], contiguous.
inline void sum_partial_rows(std::int64_t rows, std::int64_t columns, const float* partial, GradSlice<float> out,
                             cudaStream_t stream) {
  if (out.mode == GradMode::ignore) return;
  launch(sum_partial_rows_kernel<float>, blocks_for(columns, partial_columns), partial_columns * partial_chains, 0,
         stream, rows, columns, partial, out.mode == GradMode::accumulate, out.data);
}

}  // namespace plait::cuda
