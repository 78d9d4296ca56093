// The members of the GEMM family as gemm.cu sees them, and the template that they are made of: a file a unit of the
// hardware (gemm_simt.cu, gemm_tf32.cu, gemm_bf16.cu), in each its tiles times three layouts.
#pragma once

#include "kernels/cuda/gemm_kernel.h"
#include "kernels/cuda/gemm_plan.h"
#include "kernels/launch.h"

namespace plait::tiled {

template <class T, class Out>
struct Product {
  Operands<T> operands;
  Epilogue<Out> epilogue;
  Plan plan;
  bool a_transposed = false, b_transposed = false;
};

void run_simt(const Product<float, float>& product, cudaStream_t stream);
void run_tf32(const Product<float, float>& product, cudaStream_t stream);
template <class Out>
void run_bf16(const Product<bf16, Out>& product, cudaStream_t stream);

template <class Core, bool aligned, class T, class Out>
void launch_gemm(const Product<T, Out>& p, cudaStream_t stream) {
  const Operands<T>& o = p.operands;
  const dim3 grid(blocks_for(o.m, Core::m) * blocks_for(o.n, Core::n), static_cast<unsigned>(p.plan.splits));
  launch(gemm_kernel<Core, aligned, Epilogue<Out>>, grid, Core::threads, shared_bytes<Core>(), stream, o, p.epilogue);
}

// Family::Tile<side, a, b> is the Core of a tile for two Majors, Family::least_side the smallest. Rows that start
// anywhere take the tile of 64, copied element by element; the splits, and so the bits, stay those of the plan.
template <class Family, class T, class Out>
void run_family(const Product<T, Out>& p, cudaStream_t stream) {
  const bool aligned =
      rows_are_aligned(p.operands.a, p.operands.a_stride) && rows_are_aligned(p.operands.b, p.operands.b_stride);
  const auto run = [&]<Major a, Major b>() {
    if (!aligned)
      launch_gemm<typename Family::template Tile<64, a, b>, false>(p, stream);
    else if (p.plan.side == 128)
      launch_gemm<typename Family::template Tile<128, a, b>, true>(p, stream);
    else if (p.plan.side == 64 || Family::least_side == 64)
      launch_gemm<typename Family::template Tile<64, a, b>, true>(p, stream);
    else
      launch_gemm<typename Family::template Tile<Family::least_side, a, b>, true>(p, stream);
  };
  if (p.a_transposed)
    run.template operator()<Major::outer, Major::outer>();  // TN
  else if (p.b_transposed)
    run.template operator()<Major::k, Major::k>();  // NT
  else
    run.template operator()<Major::k, Major::outer>();  // NN
}

}  // namespace plait::tiled
