// What happens to a sum of products on its way out, N neighbouring columns at a time.
#pragma once

#include <cstdint>

#include "kernels/cuda/row_access.h"
#include "kernels/math/activation.h"

namespace plait::tiled {

// c = act(sum + bias), or dact(sum + bias) [+ old] where the activation's output y is given. The first pass of a split
// product is the same with partial sums as its c, one matrix a split.
template <class Out>
struct Epilogue {
  static constexpr int width = device::Pack<Out>::size;

  Out* c = nullptr;
  std::int64_t m = 0, n = 0, c_stride = 0;
  const float* bias = nullptr;  // [n] or null
  const Out* y = nullptr;       // [m, n] or null
  std::int64_t y_stride = 0;
  std::int64_t split_stride = 0;  // elements between the matrices of two splits
  Activation activation = Activation::identity;
  bool accumulate = false;
  bool aligned = false;  // rows of c and of y start at multiples of 16 bytes
  bool bias_aligned = false;

  __device__ bool starts_from_old() const { return accumulate && y == nullptr; }

  // The chains' first values, where they are the old ones.
  template <int N>
  __device__ __forceinline__ void start(std::int64_t row, std::int64_t column, float (&v)[N]) const {
    if (row < m) load_row(c + row * c_stride + column, n - column, aligned, v);
  }

  template <int N>
  __device__ __forceinline__ void finish(std::int64_t row, std::int64_t column, float (&v)[N], int split = 0) const {
    const std::int64_t left = n - column;
    if (row >= m || left <= 0) return;
    Out* to = c + split * split_stride + row * c_stride + column;
    if (bias != nullptr) {
      float shift[N] = {};
      load_row(bias + column, left, bias_aligned, shift);
      PLAIT_UNROLL
      for (int i = 0; i < N; ++i) v[i] = v[i] + shift[i];
    }
    if (y != nullptr) {
      float output[N] = {}, old[N] = {};
      load_row(y + row * y_stride + column, left, aligned, output);
      if (accumulate) load_row(to, left, aligned, old);
      PLAIT_UNROLL
      for (int i = 0; i < N; ++i) {
        const float gradient = activation_gradient(activation, output[i], v[i]);
        v[i] = accumulate ? old[i] + gradient : gradient;
      }
    } else if (activation == Activation::relu) {
      PLAIT_UNROLL
      for (int i = 0; i < N; ++i) v[i] = activate(Activation::relu, v[i]);
    } else if (activation != Activation::identity) {
      PLAIT_UNROLL
      for (int i = 0; i < N; ++i) v[i] = activate(activation, v[i]);
    }
    store_row(to, left, aligned, v);
  }
};

}  // namespace plait::tiled
