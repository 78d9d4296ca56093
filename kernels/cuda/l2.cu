// L2 penalty of a flat range of weights, value and gradient in one pass: weights read once; 4 B a weight, 8 with a
// gradient that is overwritten, 12 with one that is accumulated. Floor on an H100 (3.0 TB/s) for 10 million weights
// with an accumulated gradient: 40 us.
//
// The sum keeps the CPU's order (ordered_sum.h). While the first warp walks the staged part, the others write its
// gradient from shared memory, 16 bytes a thread.
#include "kernels/l2.h"

#include "kernels/cuda/ordered_sum.h"

namespace plait {
namespace {

using cuda::Part;

struct StorePenalty {
  double* value;
  __device__ void operator()(double sum) const { *value = sum; }
};

template <int width>
__global__ void __launch_bounds__(cuda::part_threads)
    l2_penalty_kernel(std::int64_t count, float factor, const float* weights, double* sums, StorePenalty finish,
                      GradSlice<float> gradient) {
  Part<float>& part = device::block_shared<Part<float>>();
  const std::int64_t first = std::int64_t{blockIdx.x} * reduce_block;
  const int length = cuda::part_length(count, first);
  cuda::stage_part<float, (width > 1)>(weights + first, length, part);
  if (threadIdx.x < device::warp_size) {
    const double sum = cuda::ordered_sum_of_warp(length, [&](int i) { return cuda::Square<float>{}(part.value[i]); });
    if (threadIdx.x == 0) cuda::keep_part_sum(sum, sums, finish);
    return;
  }
  if (gradient.mode == GradMode::ignore) return;
  const bool accumulate = gradient.mode == GradMode::accumulate;
  constexpr int threads = cuda::part_threads - device::warp_size;
  float* g = gradient.data + first;
  int i = (static_cast<int>(threadIdx.x) - device::warp_size) * width;
  for (; i + width <= length; i += threads * width) {
    const auto w = cuda::load<width>(part.value + i);
    auto to = accumulate ? cuda::load<width>(g + i) : cuda::Stretch<float, width>{};
    PLAIT_UNROLL
    for (int k = 0; k < width; ++k) to.value[k] = accumulate ? to.value[k] + factor * w.value[k] : factor * w.value[k];
    cuda::store(g + i, to);
  }
  for (; i < length; ++i) g[i] = accumulate ? g[i] + factor * part.value[i] : factor * part.value[i];
}

}  // namespace

namespace gpu {

void l2_penalty(std::int64_t count, double coefficient, const float* weights, double* value, GradSlice<float> gradient,
                void* workspace, cudaStream_t stream) {
  const auto run = [&](auto kernel) {
    launch(kernel, static_cast<unsigned>(cuda::part_count(count)), cuda::part_threads, 0, stream, count,
           static_cast<float>(2.0 * coefficient), weights, static_cast<double*>(workspace), StorePenalty{value},
           gradient);
  };
  if (cuda::starts_stretch<4>(weights) && cuda::starts_stretch<4>(gradient.data))
    run(l2_penalty_kernel<4>);
  else
    run(l2_penalty_kernel<1>);
  cuda::finish_parts(cuda::part_count(count), workspace, StorePenalty{value}, stream);
}

}  // namespace gpu
}  // namespace plait
