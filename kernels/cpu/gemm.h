// Matrix product c = act(op(a) op(b) + bias): every element one chain of fused multiply-adds over k = 0 .. k-1,
// whatever the blocking, the thread count or the instruction set, so the bits never change.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/math/activation.h"

namespace plait::cpu {

struct GemmParams {
  std::int64_t m = 0, n = 0, k = 0;
  bool a_transposed = false;  // a is stored [k, m] instead of [m, k]
  bool b_transposed = false;  // b is stored [n, k] instead of [k, n]
  std::int64_t a_stride = 0;  // elements between rows as stored
  std::int64_t b_stride = 0;
  std::int64_t c_stride = 0;  // ... of c[m, n]
  bool accumulate = false;    // the chains start from c's old values
  Activation activation = Activation::identity;
};

// Bytes of scratch, aligned to 64; depends on the shape alone. a is packed there, about m k elements; b never is.
template <class T>
std::size_t gemm_workspace_bytes(const GemmParams& p);

// bias[n] may be null. Writes nothing outside c[m, n].
template <class T>
void gemm(const GemmParams& p, const T* a, const T* b, const T* bias, T* c, void* workspace);

}  // namespace plait::cpu
