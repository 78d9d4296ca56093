// Adam, AdamW and SGD over the flat parameter buffer, one launch for the whole model. Adam moves 28 B a parameter
// (reads g, W, m, v; writes W, m, v), SGD 20, 2 more with a bf16 copy of the weights. Floor on an H100 (3.0 TB/s)
// for 10.2 million parameters: 96 us (102 with the copy); the arithmetic hides behind it.
//
// A thread takes two stretches of 16 bytes: all its loads are on their way (128 B a thread) while the block's first
// thread computes the coefficients in double from the step's scalars in device memory; their latency is about that of
// the loads, so the bias correction costs no launch of its own. Elementwise: the bits are the CPU's, whatever the grid.
#include "kernels/optimizer.h"

#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/cuda/ordered_sum.h"
#include "kernels/math/adam.h"

namespace plait {
namespace {

using cuda::Stretch;

constexpr int threads = 256, stretches = 2;

// A thread's share of a flat buffer: `stretches` stretches of `width`, a block's width apart. Only the last stretch of
// the buffer is shorter.
template <int width>
struct Share {
  std::int64_t count, begin;

  __device__ explicit Share(std::int64_t count)
      : count(count), begin((std::int64_t{blockIdx.x} * stretches * threads + threadIdx.x) * width) {}

  __device__ std::int64_t at(int s) const { return begin + std::int64_t{s} * threads * width; }

  template <class T>
  __device__ void load(const T* from, Stretch<T, width> (&to)[stretches]) const {
    PLAIT_UNROLL
    for (int s = 0; s < stretches; ++s) to[s] = cuda::load_up_to<width>(count - at(s), from + at(s));
  }

  template <class T>
  __device__ void store(T* to, const Stretch<T, width> (&from)[stretches]) const {
    PLAIT_UNROLL
    for (int s = 0; s < stretches; ++s) cuda::store_up_to(count - at(s), to + at(s), from[s]);
  }

  __device__ void store_copy(bf16* to, const Stretch<float, width> (&from)[stretches]) const {
    if (to == nullptr) return;
    Stretch<bf16, width> rounded[stretches];
    PLAIT_UNROLL
    for (int s = 0; s < stretches; ++s) {
      PLAIT_UNROLL
      for (int i = 0; i < width; ++i) rounded[s].value[i] = to_bf16(from[s].value[i]);
    }
    store(to, rounded);
  }
};

template <int width>
__global__ void __launch_bounds__(threads)
    adam_kernel(AdamParams p, const StepScalars* scalars, const float* gradients, float* weights, float* first_moment,
                float* second_moment, bf16* weights_copy) {
  using Coefficients = AdamCoefficients<float>;
  Coefficients& shared = device::block_shared<Coefficients>();
  const Share<width> share(p.count);
  Stretch<float, width> g[stretches], w[stretches], m[stretches], v[stretches];
  share.load(gradients, g);
  share.load(weights, w);
  share.load(first_moment, m);
  share.load(second_moment, v);
  if (threadIdx.x == 0) shared = adam_coefficients<float>(p, *scalars);
  __syncthreads();
  const Coefficients c = shared;
  PLAIT_UNROLL
  for (int s = 0; s < stretches; ++s) {
    PLAIT_UNROLL
    for (int i = 0; i < width; ++i)
      adam_update(c, share.at(s) + i < p.decayed, g[s].value[i], w[s].value[i], m[s].value[i], v[s].value[i]);
  }
  share.store(weights, w);
  share.store(first_moment, m);
  share.store(second_moment, v);
  share.store_copy(weights_copy, w);
}

template <int width>
__global__ void __launch_bounds__(threads)
    sgd_kernel(std::int64_t count, float momentum, const StepScalars* scalars, const float* gradients, float* weights,
               float* velocity, bf16* weights_copy) {
  const Share<width> share(count);
  Stretch<float, width> g[stretches], w[stretches], u[stretches];
  share.load(gradients, g);
  share.load(weights, w);
  share.load(velocity, u);
  const float rate = scalars->learning_rate, scale = scalars->gradient_scale;
  PLAIT_UNROLL
  for (int s = 0; s < stretches; ++s) {
    PLAIT_UNROLL
    for (int i = 0; i < width; ++i) {
      u[s].value[i] = momentum * u[s].value[i] + g[s].value[i] * scale;
      w[s].value[i] -= rate * u[s].value[i];
    }
  }
  share.store(velocity, u);
  share.store(weights, w);
  share.store_copy(weights_copy, w);
}

struct ScaleGradient {
  double clip;
  double* norm;
  StepScalars* scalars;

  __device__ void operator()(double sum_of_squares) const {
    const double n = std::sqrt(sum_of_squares);
    // A norm that is not finite scales nothing: whoever reads it stops.
    const bool finite = n <= std::numeric_limits<double>::max();
    const double fitting = clip / (n + 1e-6);
    *norm = n;
    scalars->gradient_scale = static_cast<float>(clip > 0.0 && finite && fitting < 1.0 ? fitting : 1.0);
  }
};

__global__ void __launch_bounds__(threads)
    order_blocks_kernel(std::int64_t blocks, const double* sums, const std::int64_t* order, double* ordered) {
  const std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i < blocks) ordered[order[i]] = sums[i];
}

__global__ void advance_step_kernel(std::int64_t count, const float* learning_rates, StepScalars* scalars) {
  const std::uint32_t step = scalars->step + 1;
  const std::int64_t last = count - 1;
  *scalars = {.step = step, .learning_rate = learning_rates[step < last ? step : last], .gradient_scale = 1.0f};
}

template <class... Buffers>
bool start_stretches(const bf16* weights_copy, const Buffers*... buffers) {
  return cuda::starts_stretch<4>(weights_copy) && (cuda::starts_stretch<4>(buffers) && ...);
}

}  // namespace

namespace gpu {

void adam_step(const AdamParams& p, const StepScalars* scalars, const float* gradients, float* weights,
               float* first_moment, float* second_moment, bf16* weights_copy, cudaStream_t stream) {
  AdamParams params = p;
  if (p.decoupled_l2 == 0.0) params.decayed = 0;
  const auto run = [&]<int width>(std::integral_constant<int, width>) {
    launch(adam_kernel<width>, blocks_for(p.count, std::int64_t{threads} * stretches * width), threads, 0, stream,
           params, scalars, gradients, weights, first_moment, second_moment, weights_copy);
  };
  if (start_stretches(weights_copy, gradients, weights, first_moment, second_moment))
    run(std::integral_constant<int, 4>{});
  else
    run(std::integral_constant<int, 1>{});
}

void sgd_step(const SgdParams& p, const StepScalars* scalars, const float* gradients, float* weights, float* velocity,
              bf16* weights_copy, cudaStream_t stream) {
  const auto run = [&]<int width>(std::integral_constant<int, width>) {
    launch(sgd_kernel<width>, blocks_for(p.count, std::int64_t{threads} * stretches * width), threads, 0, stream,
           p.count, static_cast<float>(p.momentum), scalars, gradients, weights, velocity, weights_copy);
  };
  if (start_stretches(weights_copy, gradients, weights, velocity))
    run(std::integral_constant<int, 4>{});
  else
    run(std::integral_constant<int, 1>{});
}

void clip_gradient_norm(std::int64_t count, const float* gradients, double clip, double* norm, StepScalars* scalars,
                        void* workspace, cudaStream_t stream) {
  cuda::sum_in_order<cuda::AddSquare>(count, gradients, ScaleGradient{clip, norm, scalars}, workspace, stream);
}

void clip_norm_of_blocks(std::int64_t blocks, const double* sums, const std::int64_t* order, double clip, double* norm,
                         StepScalars* scalars, void* workspace, cudaStream_t stream) {
  auto* ordered = static_cast<double*>(workspace);
  launch(order_blocks_kernel, blocks_for(blocks, threads), threads, 0, stream, blocks, sums, order, ordered);
  launch(cuda::tree_sum_kernel<ScaleGradient>, 1, cuda::tree_threads, 0, stream, blocks, ordered,
         ScaleGradient{clip, norm, scalars});
}

void advance_step(std::int64_t count, const float* learning_rates, StepScalars* scalars, cudaStream_t stream) {
  launch(advance_step_kernel, 1, 1, 0, stream, count, learning_rates, scalars);
}

}  // namespace gpu
}  // namespace plait
