// Inverted dropout: one read and one write an element, the words drawn in registers; the mask is never stored. 8 B an
// element in float, 4 in bf16. Floor on an H100 (3.0 TB/s) for 65,536 x 512 in float: 90 us. Ten Philox rounds, 20 wide
// multiplications for four elements, fill a quarter of the issue slots of that time in float, half in bf16.
//
// One counter block is four neighbouring elements: a thread takes 16 bytes (one block in float, two in bf16); where
// rows are not aligned, four elements one by one. Same bits as the CPU.
#include "kernels/dropout.h"

#include "kernels/cuda/stretch.h"
#include "kernels/launch.h"
#include "kernels/math/bf16.h"
#include "kernels/math/philox.h"

namespace plait {
namespace {

constexpr int threads = 256;

// grid (column blocks, rows): y (+)= kept ? x * scale : 0. A dropped element is selected away: NaN and infinity go
// nowhere.
template <class T, int width, bool aligned, bool accumulate>
__global__ void __launch_bounds__(threads)
    scale_kept_kernel(DropoutParams p, RandomSource random, float keep, float scale, const T* x, T* y) {
  const std::int64_t c = (std::int64_t{blockIdx.x} * threads + threadIdx.x) * width, count = p.columns - c;
  if (count <= 0) return;
  const std::uint32_t step = *random.step;
  for (std::int64_t b = blockIdx.y; b < p.batch; b += gridDim.y) {
    const std::uint32_t row = random.rows[b];
    const auto from = cuda::load_up_to<width, aligned>(count, x + b * p.stride + c);
    cuda::Stretch<T, width> to{};
    if constexpr (accumulate) to = cuda::load_up_to<width, aligned>(count, y + b * p.stride + c);
    PLAIT_UNROLL
    for (int block = 0; block < width / 4; ++block) {
      const Philox4 drawn =
          random_block(random.seed, static_cast<std::uint32_t>(c / 4 + block), row, step, random.site);
      PLAIT_UNROLL
      for (int i = 0; i < 4; ++i) {
        const float value = random_bernoulli(drawn.word[i], keep) ? to_float(from.value[4 * block + i]) * scale : 0.0f;
        T& target = to.value[4 * block + i];
        target = from_float<T>(accumulate ? to_float(target) + value : value);
      }
    }
    cuda::store_up_to<aligned>(count, y + b * p.stride + c, to);
  }
}

template <bool accumulate, class T>
void scale_kept(const DropoutParams& p, const RandomSource& random, const T* x, T* y, cudaStream_t stream) {
  if (p.batch == 0 || p.columns == 0) return;
  const float keep = 1.0f - p.rate, scale = 1.0f / keep;
  const auto run = [&](auto kernel, int width) {
    const dim3 grid(blocks_for(p.columns, std::int64_t{threads} * width),
                    static_cast<unsigned>(std::min<std::int64_t>(p.batch, 65535)));
    launch(kernel, grid, threads, 0, stream, p, random, keep, scale, x, y);
  };
  constexpr int pack = 16 / sizeof(T);
  if (cuda::rows_are_stretches<pack>(x, p.stride, p.columns) && cuda::rows_are_stretches<pack>(y, p.stride, p.columns))
    run(scale_kept_kernel<T, pack, true, accumulate>, pack);
  else
    run(scale_kept_kernel<T, 4, false, accumulate>, 4);
}

}  // namespace

namespace gpu {

template <class T>
void dropout_forward(const DropoutParams& p, const RandomSource& random, const T* x, T* y, cudaStream_t stream) {
  scale_kept<false>(p, random, x, y, stream);
}

template <class T>
void dropout_backward(const DropoutParams& p, const RandomSource& random, const T* dy, GradSlice<T> dx,
                      cudaStream_t stream) {
  if (dx.mode == GradMode::overwrite) scale_kept<false>(p, random, dy, dx.data, stream);
  if (dx.mode == GradMode::accumulate) scale_kept<true>(p, random, dy, dx.data, stream);
}

template void dropout_forward(const DropoutParams&, const RandomSource&, const float*, float*, cudaStream_t);
template void dropout_forward(const DropoutParams&, const RandomSource&, const bf16*, bf16*, cudaStream_t);
template void dropout_backward(const DropoutParams&, const RandomSource&, const float*, GradSlice<float>, cudaStream_t);
template void dropout_backward(const DropoutParams&, const RandomSource&, const bf16*, GradSlice<bf16>, cudaStream_t);

}  // namespace gpu
}  // namespace plait
