// The GEMM family on the ordinary cores, exact fp32. 2 m n k operations at 47 TFLOP/s measured by others on an H100.
#include "kernels/cuda/gemm_simt.h"

#include "kernels/cuda/gemm_family.h"

namespace plait::tiled {
namespace {

struct Simt {
  static constexpr int least_side = 32;
  // Outputs a thread: 8 x 8 (64 KiB, two blocks a multiprocessor), 4 x 4, and 4 x 4 with 64 threads.
  template <int side, Major a, Major b>
  using Tile = SimtCore<side, side, side == 32 ? 8 : 16, side == 32 ? 8 : 16, a, b>;
};

}  // namespace

void run_simt(const Product<float, float>& product, cudaStream_t stream) {
  run_family<Simt>(product, stream);
}

}  // namespace plait::tiled
