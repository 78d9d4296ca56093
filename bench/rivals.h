// The libraries we compare with, where the build found them; otherwise nothing is added and only ours is timed.
#pragma once

#include <cstdint>

#include "bench/compare.h"
#include "kernels/conv2d.h"
#include "kernels/max_pool.h"

namespace plait::bench {

void set_openblas_threads(int threads);
void set_onednn_threads(int threads);

// c[m, n] = op(a) op(b), packed rows; operands as for cpu::gemm.
void add_openblas_product(const std::string& name, std::int64_t m, std::int64_t n, std::int64_t k, bool a_transposed,
                          bool b_transposed, const Shared& a, const Shared& b, const Shared& c, double flops,
                          double bytes);

// y = relu(x weight^T + bias), weight kept in its own layout, as we do.
void add_onednn_dense(const std::string& name, std::int64_t batch, std::int64_t in, std::int64_t out, const Shared& x,
                      const Shared& weight, const Shared& bias, const Shared& y, double flops, double bytes);

enum class Pass { forward, input_gradient, weight_gradient, backward };

// Convolution with bias and ReLU (forward), one gradient (the weight's with the bias's) behind the ReLU's, or backward:
// the ReLU's gradient, then the weight's and the bias's, then the input's unless this is a first layer (an image).
// oneDNN may choose the layout of weights and images; turning ours into its own is not timed (ours is timed with its
// packing).
inline bool is_first_layer(const Conv2dParams& p) {
  return p.in_channels <= 4;
}
void add_onednn_convolution(const std::string& name, Pass pass, const Conv2dParams& p, double flops, double bytes);

void add_onednn_pool(const std::string& name, Pass pass, const MaxPoolParams& p, double bytes);

}  // namespace plait::bench
