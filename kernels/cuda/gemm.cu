// c = act(op(a) op(b) + bias): one contract, a family of kernels (gemm_kernel.h), chosen here and nowhere else.
//
// 2 m n k operations; m k + k n + m n elements moved once, operands again for every tile that needs them, out of the
// L2. Floor on an H100: bf16 750 TFLOP/s (cuBLAS; mma.sync reaches about 60 % of the hardware's rate there, wgmma the
// rest), tf32 400, fp32 47, bytes at 3.0 TB/s. 20000 -> 512 at B = 256 in bf16: 7 us of arithmetic, 10.3 us of bytes,
// but 8 to 32 tiles for 132 multiprocessors.
//
// So k is split where the model of gemm_plan.h finds it worth a second launch: the blocks of a split write plain fp32
// sums to the workspace, the second pass adds them in the order of k, starting from the old value or zero, and finishes
// as the kernel would have. No atomics, no block waits for another, no counter that somebody must clear first. One pass
// costs splits x m n x 8 B, mostly L2 traffic; the launch follows on the same stream.
#include "kernels/gemm.h"

#include <stdexcept>

#include "kernels/cuda/gemm_family.h"

namespace plait {
namespace {

using namespace tiled;

template <class T>
constexpr Unit unit_of(const gpu::GemmParams& p) {
  if constexpr (sizeof(T) == 2) return Unit::bf16;
  return p.tf32 ? Unit::tf32 : Unit::simt;
}

constexpr int sum_threads = 64;  // few outputs must still reach many multiprocessors

std::int64_t partial_stride(const gpu::GemmParams& p) {
  return (p.n + 7) / 8 * 8;
}

// grid (blocks of runs of columns, rows)
template <class Out>
__global__ void __launch_bounds__(sum_threads)
    sum_splits_kernel(Epilogue<Out> epilogue, const float* partial, std::int64_t stride, std::int64_t split_stride,
                      int splits) {
  constexpr int width = Epilogue<Out>::width, batch = 8;  // loads on their way together
  const std::int64_t column = (std::int64_t{blockIdx.x} * sum_threads + threadIdx.x) * width;
  const std::int64_t left = epilogue.n - column;
  if (left <= 0) return;
  for (std::int64_t row = blockIdx.y; row < epilogue.m; row += gridDim.y) {
    float sum[width] = {};
    if (epilogue.starts_from_old()) epilogue.start(row, column, sum);
    const float* from = partial + row * stride + column;
    for (int split = 0; split < splits; split += batch) {
      float part[batch][width] = {};
      PLAIT_UNROLL
      for (int s = 0; s < batch; ++s)
        if (split + s < splits) load_row(from + (split + s) * split_stride, left, true, part[s]);
      PLAIT_UNROLL
      for (int s = 0; s < batch; ++s) {
        PLAIT_UNROLL
        for (int i = 0; i < width; ++i) sum[i] = split + s < splits ? sum[i] + part[s][i] : sum[i];
      }
    }
    epilogue.finish(row, column, sum);
  }
}

// The one place that chooses a kernel. A member for compute capability 9.0 (wgmma, TMA) joins here.
template <class T, class Out>
void dispatch(Unit unit, const Product<T, Out>& product, cudaStream_t stream) {
  if constexpr (sizeof(T) == 2)
    run_bf16(product, stream);
  else if (unit == Unit::tf32)
    run_tf32(product, stream);
  else
    run_simt(product, stream);
}

}  // namespace

namespace gpu {

template <class T>
std::size_t gemm_workspace_bytes(const GemmParams& p) {
  const Plan plan = plan_gemm(p, unit_of<T>(p));
  if (plan.splits == 1) return 0;
  return static_cast<std::size_t>(plan.splits * p.m * partial_stride(p)) * sizeof(float);
}

template <class T, class Out>
void gemm(const GemmParams& p, const T* a, const T* b, const float* bias, const Out* y, Out* c, void* workspace,
          cudaStream_t stream) {
  if (p.a_transposed && p.b_transposed) throw std::invalid_argument("[gemm] both operands are transposed");
  if (p.m == 0 || p.n == 0) return;
  const Unit unit = unit_of<T>(p);
  const Plan plan = plan_gemm(p, unit);
  const Operands<T> operands{.a = a,
                             .b = b,
                             .m = p.m,
                             .n = p.n,
                             .k = p.k,
                             .a_stride = p.a_stride,
                             .b_stride = p.b_stride,
                             .k_of_split = plan.k_of_split};
  const Epilogue<Out> epilogue{
      .c = c,
      .m = p.m,
      .n = p.n,
      .c_stride = p.c_stride,
      .bias = bias,
      .y = y,
      .y_stride = p.y_stride,
      .activation = p.activation,
      .accumulate = p.accumulate,
      .aligned = rows_are_aligned(c, p.c_stride) && (y == nullptr || rows_are_aligned(y, p.y_stride)),
      .bias_aligned = rows_are_aligned(bias, 0)};
  if (plan.splits == 1) {
    dispatch(unit, Product<T, Out>{operands, epilogue, plan, p.a_transposed, p.b_transposed}, stream);
    return;
  }

  float* const partial = static_cast<float*>(workspace);
  const std::int64_t stride = partial_stride(p);
  const Epilogue<float> sums{
      .c = partial, .m = p.m, .n = p.n, .c_stride = stride, .split_stride = p.m * stride, .aligned = true};
  dispatch(unit, Product<T, float>{operands, sums, plan, p.a_transposed, p.b_transposed}, stream);
  const dim3 grid(blocks_for(p.n, std::int64_t{sum_threads} * Epilogue<Out>::width),
                  static_cast<unsigned>(std::min<std::int64_t>(p.m, 65535)));
  launch(sum_splits_kernel<Out>, grid, sum_threads, 0, stream, epilogue, partial, stride, sums.split_stride,
         plan.splits);
}

template std::size_t gemm_workspace_bytes<float>(const GemmParams&);
template std::size_t gemm_workspace_bytes<bf16>(const GemmParams&);
template void gemm(const GemmParams&, const float*, const float*, const float*, const float*, float*, void*,
                   cudaStream_t);
template void gemm(const GemmParams&, const bf16*, const bf16*, const float*, const bf16*, bf16*, void*, cudaStream_t);
template void gemm(const GemmParams&, const bf16*, const bf16*, const float*, const float*, float*, void*,
                   cudaStream_t);

}  // namespace gpu
}  // namespace plait
