// Matrix product on a device: c = act(op(a) op(b) + bias), fp32 accumulators, one kernel with bias, activation, the
// activation's gradient (backward) or accumulation at its end.
//
// float: chains of fused multiply-adds in the order of k, the CPU's bits, unless k is split (long k, few outputs); tf32
// asks for tensor cores, 10 bits of mantissa. bf16: tensor cores. The bits depend on the shape and the parameters here
// alone: not on the device, on pointers, strides or scheduling.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/math/activation.h"
#include "kernels/stream.h"

namespace plait::gpu {

struct GemmParams {
  std::int64_t m = 0, n = 0, k = 0;
  bool a_transposed = false;  // a is stored [k, m] instead of [m, k]
  bool b_transposed = false;  // b is stored [n, k] instead of [k, n]; not both
  std::int64_t a_stride = 0;  // elements between rows as stored
  std::int64_t b_stride = 0;
  std::int64_t c_stride = 0;  // ... of c[m, n]
  std::int64_t y_stride = 0;  // ... of y[m, n], where there is one
  bool accumulate = false;    // the chains start from c's old values
  Activation activation = Activation::identity;
  bool tf32 = false;          // float operands: rounded to tf32, multiplied by tensor cores
  bool one_chain = false;     // never split k
  int multiprocessors = 132;  // what the split of k is planned for: a constant, so that no device changes the bits
};

// Bytes of scratch, aligned to 256; T is the operands' type, float or bf16.
template <class T>
std::size_t gemm_workspace_bytes(const GemmParams& p);

// bias[n] may be null. y null: c = act(chain + bias). y given, [m, n]: c = dact(chain + bias), the gradient in front of
// the activation whose output is y; the old value is then added last. (T, Out): (float, float), (bf16, bf16), (bf16,
// float).
template <class T, class Out>
void gemm(const GemmParams& p, const T* a, const T* b, const float* bias, const Out* y, Out* c, void* workspace,
          cudaStream_t stream);

}  // namespace plait::gpu
