// Inverted dropout: y = x / (1 - rate) where kept, 0 elsewhere, keep ~ Bernoulli(1 - rate). The mask is not stored:
// backward draws the same words again. Element = column, see RandomSource.
#pragma once

#include <cstdint>

#include "kernels/grad_mode.h"
#include "kernels/random_source.h"
#include "kernels/stream.h"

namespace plait {

struct DropoutParams {
  std::int64_t batch = 0, columns = 0;
  std::int64_t stride = 0;  // elements between rows of x and of y
  float rate = 0.0f;        // probability of dropping, 0 <= rate < 1
};

namespace cpu {

template <class T>
void dropout_forward(const DropoutParams& p, const RandomSource& random, const T* x, T* y);

template <class T>
void dropout_backward(const DropoutParams& p, const RandomSource& random, const T* dy, GradSlice<T> dx);

}  // namespace cpu

// The same on a device, with the same bits; random.step and random.rows are in its memory. T = float or bf16.
namespace gpu {

template <class T>
void dropout_forward(const DropoutParams& p, const RandomSource& random, const T* x, T* y, cudaStream_t stream);

template <class T>
void dropout_backward(const DropoutParams& p, const RandomSource& random, const T* dy, GradSlice<T> dx,
                      cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
