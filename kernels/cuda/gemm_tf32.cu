// The GEMM family on tensor cores, operands rounded to tf32 (asked for by GemmParams::tf32).
#include "kernels/cuda/gemm_family.h"
#include "kernels/cuda/gemm_mma.h"

namespace plait::tiled {
namespace {

struct Tf32 {
  static constexpr int least_side = 64;
  // 8 warps of 64 x 32, 96 KiB; 4 warps of 32 x 32, 48 KiB.
  template <int side, Major a, Major b>
  using Tile = MmaCore<Tf32Mma, side, side, side / 2, 32, side == 128 ? 1 : 3, a, b>;
};

}  // namespace

void run_tf32(const Product<float, float>& product, cudaStream_t stream) {
  run_family<Tf32>(product, stream);
}

}  // namespace plait::tiled
