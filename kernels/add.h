// Sums of gradient buffers, element by element: the steps of the binary tree along which the parts of a batch add up.
// bf16 is added in float, and every sum is rounded.
#pragma once

#include <cstdint>

#include "kernels/stream.h"

namespace plait {
namespace cpu {

// y = a + b; y may be a or b.
template <class T>
void add(std::int64_t count, const T* a, const T* b, T* y);

// y = the sum of `rows` rows (a power of two) of x[rows, count], neighbours first: ((x0 + x1) + (x2 + x3)) + ...
template <class T>
void add_rows(std::int64_t rows, std::int64_t count, const T* x, T* y);

}  // namespace cpu

// The same on a device, with the same bits. T = float or bf16; `rows` is at most 2048.
namespace gpu {

template <class T>
void add(std::int64_t count, const T* a, const T* b, T* y, cudaStream_t stream);
template <class T>
void add_rows(std::int64_t rows, std::int64_t count, const T* x, T* y, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
