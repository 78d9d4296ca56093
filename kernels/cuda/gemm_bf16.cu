// The GEMM family on tensor cores, bf16 operands, result bf16 or float.
#include "kernels/cuda/gemm_family.h"
#include "kernels/cuda/gemm_mma.h"

namespace plait::tiled {
namespace {

struct Bf16 {
  static constexpr int least_side = 64;
  // 8 warps of 64 x 32, 96 KiB (two blocks on 9.0); 4 warps of 32 x 32, 48 KiB.
  template <int side, Major a, Major b>
  using Tile = MmaCore<Bf16Mma, side, side, side / 2, 32, side == 128 ? 2 : 3, a, b>;
};

}  // namespace

template <class Out>
void run_bf16(const Product<bf16, Out>& product, cudaStream_t stream) {
  run_family<Bf16>(product, stream);
}

template void run_bf16<float>(const Product<bf16, float>&, cudaStream_t);
template void run_bf16<bf16>(const Product<bf16, bf16>&, cudaStream_t);

}  // namespace plait::tiled
