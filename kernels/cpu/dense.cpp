// Dense layer: three matrix products (gemm.h) with bias and activation fused into the first one's epilogue. Backward
// applies the activation's gradient once, to dz[batch, out] in the workspace; an ignored gradient costs nothing.
#include "kernels/dense.h"

#include <algorithm>

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/read_gradient.h"

namespace plait::cpu {
namespace {

GemmParams output_product(const DenseParams& p) {  // y = x weight^T
  return {.m = p.batch,
          .n = p.out,
          .k = p.in,
          .b_transposed = true,
          .a_stride = p.x_stride,
          .b_stride = p.weight_stride,
          .c_stride = p.y_stride,
          .activation = p.activation};
}

GemmParams input_product(const DenseParams& p, std::int64_t dz_stride) {  // dx = dz weight
  return {
      .m = p.batch, .n = p.in, .k = p.out, .a_stride = dz_stride, .b_stride = p.weight_stride, .c_stride = p.x_stride};
}

GemmParams weight_product(const DenseParams& p, std::int64_t dz_stride) {  // dweight = dz^T x
  return {.m = p.out,
          .n = p.in,
          .k = p.batch,
          .a_transposed = true,
          .a_stride = dz_stride,
          .b_stride = p.x_stride,
          .c_stride = p.weight_stride};
}

template <class T>
std::size_t dz_bytes(const DenseParams& p) {
  if (p.activation == Activation::identity) return 0;
  return aligned_bytes<T>(p.batch * p.out);
}

template <class T>
void gradient_in_front(const DenseParams& p, const T* y, const T* dy, T* dz) {
  parallel_for(p.batch, 1 + (1 << 15) / (1 + p.out), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t b = begin; b < end; ++b) {
      read_gradient(p.activation, y + b * p.y_stride, dy + b * p.y_stride, p.out, dz + b * p.out);
    }
  });
}

// One chain over the patients for each output, vectorised across outputs.
template <class T>
void bias_gradient(const DenseParams& p, const T* dz, std::int64_t dz_stride, GradSlice<T> bias) {
  if (bias.mode == GradMode::overwrite) {
    for (std::int64_t o = 0; o < p.out; ++o) bias.data[o] = T(0);
  }
  parallel_for(p.out, 64 + (1 << 15) / (1 + p.batch), [&](std::int64_t begin, std::int64_t end) {
    with_isa([=, sums = bias.data] {
      for (std::int64_t b = 0; b < p.batch; ++b) {
        const T* from = dz + b * dz_stride;
        for (std::int64_t o = begin; o < end; ++o) sums[o] += from[o];
      }
    });
  });
}

}  // namespace

template <class T>
std::size_t dense_workspace_bytes(const DenseParams& p) {
  const std::size_t backward =
      std::max(gemm_workspace_bytes<T>(input_product(p, p.out)), gemm_workspace_bytes<T>(weight_product(p, p.out)));
  return std::max(gemm_workspace_bytes<T>(output_product(p)), dz_bytes<T>(p) + backward);
}

template <class T>
void dense_forward(const DenseParams& p, const T* x, const T* weight, const T* bias, T* y, void* workspace) {
  gemm(output_product(p), x, weight, bias, y, workspace);
}

template <class T>
void dense_backward(const DenseParams& p, const T* x, const T* weight, const T* y, const T* dy,
                    const DenseGradients<T>& gradients, void* workspace) {
  const T* dz = dy;
  std::int64_t dz_stride = p.y_stride;
  void* scratch = workspace;
  const bool wanted = gradients.x.mode != GradMode::ignore || gradients.weight.mode != GradMode::ignore ||
                      gradients.bias.mode != GradMode::ignore;
  if (wanted && p.activation != Activation::identity) {
    gradient_in_front(p, y, dy, static_cast<T*>(workspace));
    dz = static_cast<T*>(workspace);
    dz_stride = p.out;
    scratch = static_cast<char*>(workspace) + dz_bytes<T>(p);
  }
  const auto product = [&](GemmParams gemm_params, GradSlice<T> slice, const T* b) {
    if (slice.mode == GradMode::ignore) return;
    gemm_params.accumulate = slice.mode == GradMode::accumulate;
    gemm<T>(gemm_params, dz, b, nullptr, slice.data, scratch);
  };
  if (gradients.bias.mode != GradMode::ignore) bias_gradient(p, dz, dz_stride, gradients.bias);
  product(weight_product(p, dz_stride), gradients.weight, x);
  product(input_product(p, dz_stride), gradients.x, weight);
}

template std::size_t dense_workspace_bytes<float>(const DenseParams&);
template std::size_t dense_workspace_bytes<double>(const DenseParams&);
template void dense_forward(const DenseParams&, const float*, const float*, const float*, float*, void*);
template void dense_forward(const DenseParams&, const double*, const double*, const double*, double*, void*);
template void dense_backward(const DenseParams&, const float*, const float*, const float*, const float*,
                             const DenseGradients<float>&, void*);
template void dense_backward(const DenseParams&, const double*, const double*, const double*, const double*,
                             const DenseGradients<double>&, void*);

}  // namespace plait::cpu
