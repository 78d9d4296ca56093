// Binary cross-entropy from the logit, value and gradient in one pass: probabilities are never stored. One column is
// the binary head, L columns the multi-label head (per patient the mean over its labels).
//   loss_b = mean over l of softplus(x) - x t;  dx = coefficient * weight_b / denominator * (sigmoid(x) - t) / L.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/grad_mode.h"
#include "kernels/stream.h"

namespace plait {

struct LossParams {
  std::int64_t batch = 0, columns = 0;
  std::int64_t stride = 0;   // elements between rows of the logits (or predictions) and of their gradient
  double coefficient = 1.0;  // multiplies the gradient, not the value
};

namespace cpu {

// targets[batch, columns], contiguous, 0..1; weights[batch]: a weight of 0 takes the patient out (selected, its
// gradient is an exact zero). *value = sum_b weight_b loss_b / *denominator, in patient order in double (0 when the
// denominator is 0).
template <class T>
void binary_cross_entropy(const LossParams& p, const T* logits, const float* targets, const float* weights,
                          const double* denominator, double* value, GradSlice<T> gradient);

}  // namespace cpu

// The same on a device; denominator and value are in its memory. T = float or bf16; the gradient has the CPU's bits.
// The value is summed in double along a tree that the shape decides: it differs from the CPU's in its last bits.
namespace gpu {

// Scratch of every loss kernel (binary and softmax cross-entropy, squared error, reconstruction), whatever the shape.
std::size_t loss_workspace_bytes();

template <class T>
void binary_cross_entropy(const LossParams& p, const T* logits, const float* targets, const float* weights,
                          const double* denominator, double* value, GradSlice<T> gradient, void* workspace,
                          cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
