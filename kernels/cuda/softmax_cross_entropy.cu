// Softmax cross-entropy and its gradient from one visit to a row: logits read once, probabilities never stored; 8 B a
// logit in float, 4 in bf16. Floor on an H100 (3.0 TB/s) for 65,536 patients of 1,000 classes in float: 175 us; up to
// 256 patients of 8 classes are one launch.
//
// A group of 8 to 32 lanes takes a patient and keeps the row in registers (up to 32 logits a lane: 1,024 classes;
// longer rows are read three times, from the cache). The sum of exponentials keeps the CPU's order, eight chains in
// double over columns c mod 8, so that the gradient has the CPU's bits: the exponentials of a row of eight go to the
// lane of their chain by shuffles, 32 bits each. That costs one shuffle and one addition in double a logit and replaces
// a tree of doubles; both hide behind the bytes. For the same reason lanes take neighbouring logits, not packs: up to
// 32 loads a lane are in flight.
#include "kernels/softmax_cross_entropy.h"

#include <algorithm>
#include <type_traits>

#include "kernels/cuda/loss_value.h"
#include "kernels/math/bf16.h"
#include "kernels/math/loss.h"

namespace plait {
namespace {

constexpr int block = 256, large_block = 1024;

struct SoftmaxParams {
  LossParams loss;
  const std::int32_t* classes;
  const float* weights;
};

__device__ __forceinline__ float larger(float a, float b) {
  return b > a ? b : a;
}

// Adds the exponentials of `lanes` neighbouring columns to their chains: lane l holds chain l mod 8.
template <int lanes>
__device__ __forceinline__ void add_to_chains(float e, double& chain) {
  if constexpr (lanes == 8) {
    chain += static_cast<double>(e);
  } else {
    PLAIT_UNROLL
    for (int row = 0; row < lanes / 8; ++row)
      chain +=
          static_cast<double>(__shfl_sync(device::full_warp, e, row * 8 + static_cast<int>(threadIdx.x % 8), lanes));
  }
}

template <class T>
__device__ __forceinline__ void put(GradMode mode, T* to, float value) {
  if (mode == GradMode::accumulate) value = to_float(*to) + value;
  if (mode != GradMode::ignore) *to = from_float<T>(value);
}

// `held`: logits a lane, all in registers; 0: any number of columns, read where needed.
template <class T, int lanes, int held, int threads = block>
__global__ void __launch_bounds__(threads, held == 32 ? 2 : 1)
    softmax_cross_entropy_kernel(SoftmaxParams p, const T* logits, cuda::LossValue value, GradSlice<T> gradient) {
  constexpr int rows = threads / lanes;
  using Column = std::conditional_t<(held > 0), int, std::int64_t>;
  const auto columns = static_cast<Column>(p.loss.columns);
  const int lane = static_cast<int>(threadIdx.x) % lanes;
  const double denominator = *value.denominator;
  double of_thread = 0.0;
  // Whole warps stay in the loop: their lanes shuffle.
  for (std::int64_t first = std::int64_t{blockIdx.x} * rows; first < p.loss.batch;
       first += std::int64_t{gridDim.x} * rows) {
    const std::int64_t b = first + static_cast<int>(threadIdx.x) / lanes;
    const float weight = b < p.loss.batch ? p.weights[b] : 0.0f;
    const bool active = cuda::takes_part(weight, denominator);
    const T* x = logits + b * p.loss.stride;
    const auto logit = [&](Column c) { return active && c < columns ? to_float(x[c]) : -INFINITY; };

    // The largest logit. Columns past the end are -infinity, their exponentials zeros that change no sum.
    float e[std::max(held, 1)], top = -INFINITY;
    if constexpr (held > 0) {
      PLAIT_UNROLL
      for (int k = 0; k < held; ++k) e[k] = logit(k * lanes + lane);
      PLAIT_UNROLL
      for (int k = 0; k < held; ++k) top = larger(top, e[k]);
    } else {
      for (Column c = lane; c < columns; c += lanes) top = larger(top, logit(c));
    }
    PLAIT_UNROLL
    for (int offset = lanes / 2; offset > 0; offset /= 2)
      top = larger(top, __shfl_xor_sync(device::full_warp, top, offset));

    double sum = 0.0;
    const auto exponential_of = [&](Column c, float logit_of_c) {
      return active && c < columns ? exponential(logit_of_c - top) : 0.0f;
    };
    if constexpr (held > 0) {
      PLAIT_UNROLL
      for (int k = 0; k < held; ++k) {
        e[k] = exponential_of(k * lanes + lane, e[k]);
        add_to_chains<lanes>(e[k], sum);
      }
    } else {
      for (Column c = lane; c - lane < columns; c += lanes) add_to_chains<lanes>(exponential_of(c, logit(c)), sum);
    }
    PLAIT_UNROLL
    for (int offset = 1; offset < 8; offset *= 2) sum += __shfl_xor_sync(device::full_warp, sum, offset);

    if (!active) {
      if (b < p.loss.batch && gradient.mode == GradMode::overwrite)
        for (Column c = lane; c < columns; c += lanes) gradient.data[b * p.loss.stride + c] = from_float<T>(0.0f);
      continue;
    }
    const Column target = p.classes[b];
    const double factor = cuda::gradient_factor(p.loss.coefficient, weight, denominator);
    const float scale = static_cast<float>(factor), softmax_scale = static_cast<float>(factor / sum);
    T* dx = gradient.data + b * p.loss.stride;
    const auto put_gradient = [&](Column c, float e_of_c) {
      // The true class in one expression: subtracted afterwards, it would round twice.
      put(gradient.mode, dx + c, c == target ? softmax_scale * e_of_c - scale : softmax_scale * e_of_c);
    };
    if (lane == 0) {
      const double loss = log_of_sum<float>(sum) - static_cast<double>(to_float(x[target]) - top);
      of_thread += static_cast<double>(weight) * loss;
    }
    if constexpr (held > 0) {
      PLAIT_UNROLL
      for (int k = 0; k < held; ++k)
        if (k * lanes + lane < columns) put_gradient(k * lanes + lane, e[k]);
    } else {
      for (Column c = lane; c < columns; c += lanes) put_gradient(c, exponential_of(c, logit(c)));
    }
  }
  value.add<threads>(of_thread);
}

}  // namespace

namespace gpu {

template <class T>
void softmax_cross_entropy(const LossParams& p, const T* logits, const std::int32_t* classes, const float* weights,
                           const double* denominator, double* value, GradSlice<T> gradient, void* workspace,
                           cudaStream_t stream) {
  const SoftmaxParams params = {p, classes, weights};
  const cuda::LossValue out = {static_cast<double*>(workspace), value, denominator, 1.0};
  const auto run = [&](auto kernel, int lanes, int threads = block) {
    const std::int64_t blocks = (p.batch * lanes + threads - 1) / threads;
    const auto grid = threads == large_block
                          ? 1u
                          : static_cast<unsigned>(std::clamp<std::int64_t>(blocks, 1, cuda::most_loss_blocks));
    launch(kernel, grid, static_cast<unsigned>(threads), 0, stream, params, logits, out, gradient);
    cuda::finish_loss(grid, out, stream);
  };
  if (p.columns <= 8 && p.batch * 8 <= 2 * large_block)
    run(softmax_cross_entropy_kernel<T, 8, 1, large_block>, 8, large_block);
  else if (p.columns <= 8)
    run(softmax_cross_entropy_kernel<T, 8, 1>, 8);
  else if (p.columns <= 16)
    run(softmax_cross_entropy_kernel<T, 16, 1>, 16);
  else if (p.columns <= 32)
    run(softmax_cross_entropy_kernel<T, 32, 1>, 32);
  else if (p.columns <= 128)
    run(softmax_cross_entropy_kernel<T, 32, 4>, 32);
  else if (p.columns <= 512)
    run(softmax_cross_entropy_kernel<T, 32, 16>, 32);
  else if (p.columns <= 1024)
    run(softmax_cross_entropy_kernel<T, 32, 32>, 32);
  else
    run(softmax_cross_entropy_kernel<T, 32, 0>, 32);
}

template void softmax_cross_entropy(const LossParams&, const float*, const std::int32_t*, const float*, const double*,
                                    double*, GradSlice<float>, void*, cudaStream_t);
template void softmax_cross_entropy(const LossParams&, const bf16*, const std::int32_t*, const float*, const double*,
                                    double*, GradSlice<bf16>, void*, cudaStream_t);

}  // namespace gpu
}  // namespace plait
