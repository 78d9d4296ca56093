// Dense layer: y = act(x W^T + b) is one product with its epilogue. Backward: dz = dact(y, dy), dx = dz W, dW = dz^T x,
// db = column sums of dz.
//
// dz is written once (for the identity it is dy itself and nothing is written). Masking dy on its way into the products
// instead would read dy and y again for every tile of them, 157 times across 20,000 genes, and through registers, where
// cp.async goes around them; and the sums of db read dy and y once in any case, which is when dz is written: the
// pass is there already (bias_gradient.cu), dz stays in the L2. In bf16 dz is rounded for the tensor cores, which
// changes nothing for ReLU; db sums what is not yet rounded.
//
// Floor: see gemm.cu. 20000 -> 512 at B = 256 in bf16: 10.3 us forward, 10.3 us for dW (written in fp32: 41 MB, 14 us).
// Launches: forward 1 (2 where k is split), backward 3 at most, and one more for every split.
#include "kernels/dense.h"

#include <algorithm>

#include "kernels/bias_gradient.h"
#include "kernels/gemm.h"
#include "kernels/math/bf16.h"

namespace plait {
namespace {

using gpu::GemmParams;

GemmParams output_product(const DenseParams& p) {  // y = x weight^T
  return {.m = p.batch,
          .n = p.out,
          .k = p.in,
          .b_transposed = true,
          .a_stride = p.x_stride,
          .b_stride = p.weight_stride,
          .c_stride = p.y_stride,
          .activation = p.activation,
          .tf32 = p.tf32,
          .one_chain = p.one_chain};
}

GemmParams input_product(const DenseParams& p, std::int64_t dz_stride) {  // dx = dz weight
  return {.m = p.batch,
          .n = p.in,
          .k = p.out,
          .a_stride = dz_stride,
          .b_stride = p.weight_stride,
          .c_stride = p.x_stride,
          .tf32 = p.tf32,
          .one_chain = p.one_chain};
}

GemmParams weight_product(const DenseParams& p, std::int64_t dz_stride) {  // dweight = dz^T x
  return {.m = p.out,
          .n = p.in,
          .k = p.batch,
          .a_transposed = true,
          .a_stride = dz_stride,
          .b_stride = p.x_stride,
          .c_stride = p.weight_stride,
          .tf32 = p.tf32,
          .one_chain = p.one_chain};
}

gpu::BiasGradientParams gradient_in_front(const DenseParams& p) {
  return {.rows = p.batch,
          .columns = p.out,
          .y_stride = p.y_stride,
          .dz_stride = (p.out + 7) / 8 * 8,  // rows at multiples of 16 bytes
          .activation = p.activation};
}

template <class T>
std::size_t dz_bytes(const DenseParams& p) {
  if (p.activation == Activation::identity) return 0;
  const auto bytes = static_cast<std::size_t>(p.batch * gradient_in_front(p).dz_stride) * sizeof(T);
  return (bytes + 255) / 256 * 256;
}

}  // namespace

namespace gpu {

template <class T>
std::size_t dense_workspace_bytes(const DenseParams& p) {
  const std::size_t backward =
      std::max({bias_gradient_workspace_bytes(gradient_in_front(p)), gemm_workspace_bytes<T>(input_product(p, p.out)),
                gemm_workspace_bytes<T>(weight_product(p, p.out))});
  return std::max(gemm_workspace_bytes<T>(output_product(p)), dz_bytes<T>(p) + backward);
}

template <class T>
void dense_forward(const DenseParams& p, const T* x, const T* weight, const float* bias, T* y, void* workspace,
                   cudaStream_t stream) {
  gemm<T, T>(output_product(p), x, weight, bias, nullptr, y, workspace, stream);
}

template <class T>
void dense_backward(const DenseParams& p, const T* x, const T* weight, const T* y, const T* dy,
                    const DenseGradients<T>& gradients, void* workspace, cudaStream_t stream) {
  const bool wants_dz = gradients.x.mode != GradMode::ignore || gradients.weight.mode != GradMode::ignore;
  const BiasGradientParams front = gradient_in_front(p);
  void* const scratch = static_cast<char*>(workspace) + dz_bytes<T>(p);
  T* const written = wants_dz && p.activation != Activation::identity ? static_cast<T*>(workspace) : nullptr;
  bias_gradient(front, y, dy, written, gradients.bias, scratch, stream);
  const T* const dz = written != nullptr ? written : dy;
  const std::int64_t dz_stride = written != nullptr ? front.dz_stride : p.y_stride;

  const auto product = [&]<class Out>(GemmParams q, GradSlice<Out> slice, const T* b) {
    if (slice.mode == GradMode::ignore) return;
    q.accumulate = slice.mode == GradMode::accumulate;
    gemm<T, Out>(q, dz, b, nullptr, nullptr, slice.data, scratch, stream);
  };
  product(weight_product(p, dz_stride), gradients.weight, x);
  product(input_product(p, dz_stride), gradients.x, weight);
}

template std::size_t dense_workspace_bytes<float>(const DenseParams&);
template std::size_t dense_workspace_bytes<bf16>(const DenseParams&);
template void dense_forward(const DenseParams&, const float*, const float*, const float*, float*, void*, cudaStream_t);
template void dense_forward(const DenseParams&, const bf16*, const bf16*, const float*, bf16*, void*, cudaStream_t);
template void dense_backward(const DenseParams&, const float*, const float*, const float*, const float*,
                             const DenseGradients<float>&, void*, cudaStream_t);
template void dense_backward(const DenseParams&, const bf16*, const bf16*, const bf16*, const bf16*,
                             const DenseGradients<bf16>&, void*, cudaStream_t);

}  // namespace gpu
}  // namespace plait
