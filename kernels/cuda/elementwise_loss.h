// Losses that are a mean over columns of a term of logit (or prediction) and target, value and gradient in one pass.
//
// A row is spread over a power of two of lanes, so that the binary head (one column: a thread a patient) and a thousand
// labels (a block a patient) are the same kernel, contiguous in both. Every thread adds weight * term in double; only
// the block's sum is written. Up to two elements a thread of one large block it is a single launch: the heads of small
// steps.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "kernels/binary_cross_entropy.h"
#include "kernels/cuda/loss_value.h"
#include "kernels/cuda/stretch.h"
#include "kernels/math/bf16.h"
#include "kernels/math/loss.h"

namespace plait::cuda {

// One block an SM is promised, so that ptxas spills nothing to fit two large ones.
template <class T, int width, int threads, class Term>
__global__ void __launch_bounds__(threads, 1)
    elementwise_loss_kernel(LossParams p, int lanes, const T* x, const float* targets, const float* weights,
                            LossValue value, GradSlice<T> gradient, Term term) {
  const double denominator = *value.denominator;
  const int lane = static_cast<int>(threadIdx.x) & (lanes - 1), rows = threads / lanes;
  const int columns = static_cast<int>(p.columns);
  double sum = 0.0;
  for (std::int64_t b = std::int64_t{blockIdx.x} * rows + static_cast<int>(threadIdx.x) / lanes; b < p.batch;
       b += std::int64_t{gridDim.x} * rows) {
    const float weight = weights[b];
    const bool active = takes_part(weight, denominator);
    const double factor = gradient_factor(p.coefficient, weight, denominator) / static_cast<double>(columns);
    const float scale = static_cast<float>(factor);
    const T* logits_of_row = x + b * p.stride;
    const float* targets_of_row = targets + b * p.columns;
    double row_sum = 0.0;
    for (int c = lane * width; c < columns; c += lanes * width) {
      float slope[width] = {};
      if (active) {
        const Stretch<T, width> logits = load<width>(logits_of_row + c);
        const Stretch<float, width> wanted = load<width>(targets_of_row + c);
        PLAIT_UNROLL
        for (int i = 0; i < width; ++i) {
          const LossTerm<float> at = term(to_float(logits.value[i]), wanted.value[i]);
          row_sum += static_cast<double>(at.value);
          slope[i] = scale * at.derivative;
        }
      } else if (gradient.mode == GradMode::accumulate) {
        continue;
      }
      if (gradient.mode == GradMode::ignore) continue;
      T* to = gradient.data + b * p.stride + c;
      Stretch<T, width> dx{};
      if (gradient.mode == GradMode::accumulate) dx = load<width>(to);
      PLAIT_UNROLL
      for (int i = 0; i < width; ++i)
        dx.value[i] =
            from_float<T>(gradient.mode == GradMode::accumulate ? to_float(dx.value[i]) + slope[i] : slope[i]);
      store(to, dx);
    }
    if (active) sum += static_cast<double>(weight) * row_sum;
  }
  value.add<threads>(sum);
}

template <class T, class Term>
void elementwise_loss(const LossParams& p, const T* x, const float* targets, const float* weights,
                      const double* denominator, double* value, GradSlice<T> gradient, void* workspace,
                      cudaStream_t stream, const Term& term) {
  const LossValue out = {static_cast<double*>(workspace), value, denominator,
                         static_cast<double>(std::max<std::int64_t>(1, p.columns))};
  const auto run = [&]<int width, int threads>(std::integral_constant<int, width>,
                                               std::integral_constant<int, threads>) {
    const std::uint64_t of_row = static_cast<std::uint64_t>(std::max<std::int64_t>(1, p.columns / width));
    const int lanes = static_cast<int>(std::min<std::uint64_t>(std::bit_ceil(of_row), threads));
    const std::int64_t groups = (p.batch * lanes + threads - 1) / threads;
    const dim3 grid =
        threads == finish_threads ? static_cast<unsigned>(std::min<std::int64_t>(groups, most_loss_blocks)) : 1u;
    launch(elementwise_loss_kernel<T, width, threads, Term>, grid, threads, 0, stream, p, lanes, x, targets, weights,
           out, gradient, term);
    finish_loss(grid, out, stream);
  };
  constexpr int pack = 16 / sizeof(T), large_block = 1024;
  const auto with_width = [&](auto width) {
    if (p.batch * p.columns <= 2 * large_block * width)
      run(width, std::integral_constant<int, large_block>{});
    else
      run(width, std::integral_constant<int, finish_threads>{});
  };
  if (rows_are_stretches<pack>(x, p.stride, p.columns) && rows_are_stretches<pack>(targets, p.columns, p.columns) &&
      rows_are_stretches<pack>(gradient.data, p.stride, p.columns))
    with_width(std::integral_constant<int, pack>{});
  else
    with_width(std::integral_constant<int, 1>{});
}

}  // namespace plait::cuda
