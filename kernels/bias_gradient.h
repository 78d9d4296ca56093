// The gradient in front of an activation, and its column sums: dz = dact(y, dy), dbias[c] = sum over the rows of dz.
// What the backward pass of a dense layer needs before its two products, in one read of y and dy.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/grad_mode.h"
#include "kernels/math/activation.h"
#include "kernels/stream.h"

namespace plait::gpu {

struct BiasGradientParams {
  std::int64_t rows = 0, columns = 0;
  std::int64_t y_stride = 0;   // elements between rows of y and dy
  std::int64_t dz_stride = 0;  // ... of dz
  Activation activation = Activation::identity;
};

// Bytes of scratch, aligned to 256.
std::size_t bias_gradient_workspace_bytes(const BiasGradientParams& p);

// T = float or bf16. y is not read where the activation is the identity; dz may be null, bias ignored. The sums run
// over float gradients in a fixed order: parts of 512 rows, in each 32 chains of rows 32 apart, chains and parts then
// in order, then the old value.
template <class T>
void bias_gradient(const BiasGradientParams& p, const T* y, const T* dy, T* dz, GradSlice<float> bias, void* workspace,
                   cudaStream_t stream);

}  // namespace plait::gpu
