// 2x2 max-pooling with stride 2 over NHWC images; an odd last row or column is dropped (15 -> 7). The argmax is one
// byte an output (0..3 = row * 2 + column of the window; the first maximum wins; a NaN wins over numbers), so backward
// reads 1 B + one gradient an output and never the input.
#pragma once

#include <cstdint>

#include "kernels/grad_mode.h"
#include "kernels/stream.h"

namespace plait {

struct MaxPoolParams {
  std::int64_t batch = 0, height = 0, width = 0, channels = 0;
  std::int64_t x_stride = 0;  // elements between images of x[n, h, w, c]
  std::int64_t y_stride = 0;  // elements between images of y[n, h/2, w/2, c]

  std::int64_t out_height() const { return height / 2; }
  std::int64_t out_width() const { return width / 2; }
};

namespace cpu {

// argmax[n, h/2, w/2, c], contiguous.
template <class T>
void max_pool_forward(const MaxPoolParams& p, const T* x, T* y, std::uint8_t* argmax);

// Writes all of dx (zero where nothing was the maximum), or adds to it.
template <class T>
void max_pool_backward(const MaxPoolParams& p, const std::uint8_t* argmax, const T* dy, GradSlice<T> dx);

}  // namespace cpu

// The same on a device, T = float or bf16, with the CPU's bits.
namespace gpu {

template <class T>
void max_pool_forward(const MaxPoolParams& p, const T* x, T* y, std::uint8_t* argmax, cudaStream_t stream);

template <class T>
void max_pool_backward(const MaxPoolParams& p, const std::uint8_t* argmax, const T* dy, GradSlice<T> dx,
                       cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
