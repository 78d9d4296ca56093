// Masked modality dropout: present = available & keep, one of them rescued where all would go. A byte in, a byte and a
// row number of 4 bytes read a patient; M + 1 Philox blocks of about 80 integer operations. Floor: the launch (B =
// 65,536, M = 3: 0.4 MB, 16 M operations: under a microsecond). A thread a patient; the draw is
// kernels/math/modality_draw.h, the CPU's. In front of attention fusion it costs no launch: attention_fusion_step.cu
// draws inside.
#include "kernels/modality_dropout.h"

#include "kernels/launch.h"
#include "kernels/math/modality_draw.h"

namespace plait {
namespace {

constexpr int threads = 128;

// Selected, not indexed: an index would put the parameters into local memory.
struct Keep {
  const std::array<float, max_modalities>& probability;
  __device__ __forceinline__ float operator[](std::size_t m) const {
    float keep = probability[0];
    PLAIT_UNROLL
    for (std::size_t i = 1; i < max_modalities; ++i) keep = i == m ? probability[i] : keep;
    return keep;
  }
};

__global__ void __launch_bounds__(threads)
    modality_dropout_kernel(ModalityDropoutParams p, RandomSource random, const ModalityMask* available,
                            ModalityMask* present) {
  const std::int64_t b = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (b >= p.batch) return;
  present[b] = draw_present(random.seed, random.rows[b], *random.step, p.modalities, Keep{p.keep}, available[b]);
}

}  // namespace

namespace gpu {

void modality_dropout(const ModalityDropoutParams& p, const RandomSource& random, const ModalityMask* available,
                      ModalityMask* present, cudaStream_t stream) {
  launch(modality_dropout_kernel, blocks_for(p.batch, threads), threads, 0, stream, p, random, available, present);
}

}  // namespace gpu
}  // namespace plait
