// L2 penalty of a flat range of weights, value and gradient in one pass: weights read once; 4 B a weight, 8 with a
// gradient that is overwritten, 12 with one that is accumulated. Floor on an H100 (3.0 TB/s) for 10 million weights
// with an accumulated gradient: 40 us.
//
// The sum keeps the CPU's order (ordered_sum.h). While one warp walks the staged parts, the others write their
// gradient from shared memory, 16 bytes a thread.
#include "kernels/l2.h"

#include "kernels/cuda/ordered_sum.h"

namespace plait {
namespace {

struct StorePenalty {
  double* value;
  __device__ void operator()(double sum) const { *value = sum; }
};

// Of the threads that do not walk: their number, and their index among themselves.
constexpr int writers = cuda::part_threads - device::warp_size;

template <int width, int parts>
__global__ void __launch_bounds__(cuda::part_threads)
    l2_penalty_kernel(std::int64_t count, float factor, const float* weights, double* sums, StorePenalty finish,
                      GradSlice<float> gradient) {
  const cuda::StagedParts<float, parts> staged(count, weights, width > 1);
  if (staged.walks()) {
    staged.sum(cuda::AddSquare{}, sums, finish);
    return;
  }
  if (gradient.mode == GradMode::ignore) return;
  const bool accumulate = gradient.mode == GradMode::accumulate;
  int thread = static_cast<int>(threadIdx.x);
  if (thread / device::warp_size > staged.walking_warp()) thread -= device::warp_size;
  float* g = gradient.data + staged.first;
  int i = thread * width;
  for (; i + width <= staged.length; i += writers * width) {
    const auto w = cuda::load<width>(&staged.at(i));
    auto to = accumulate ? cuda::load<width>(g + i) : cuda::Stretch<float, width>{};
    PLAIT_UNROLL
    for (int k = 0; k < width; ++k) to.value[k] = accumulate ? to.value[k] + factor * w.value[k] : factor * w.value[k];
    cuda::store(g + i, to);
  }
  for (; i < staged.length; ++i) g[i] = accumulate ? g[i] + factor * staged.at(i) : factor * staged.at(i);
}

}  // namespace

namespace gpu {

void l2_penalty(std::int64_t count, double coefficient, const float* weights, double* value, GradSlice<float> gradient,
                void* workspace, cudaStream_t stream) {
  const bool packed = cuda::starts_stretch<4>(weights) && cuda::starts_stretch<4>(gradient.data);
  cuda::with_parts<float>(
      count, [&]<int parts>(std::integral_constant<int, parts>, unsigned blocks, std::size_t shared_bytes) {
        launch(packed ? l2_penalty_kernel<4, parts> : l2_penalty_kernel<1, parts>, blocks, cuda::part_threads,
               shared_bytes, stream, count, static_cast<float>(2.0 * coefficient), weights,
               static_cast<double*>(workspace), StorePenalty{value}, gradient);
      });
  cuda::finish_parts(count, workspace, StorePenalty{value}, stream);
}

}  // namespace gpu
}  // namespace plait
