// Alignment loss over the truly available modalities, value and gradient in one pass (paper III; kernels/alignment.h):
//   loss_b = norm_b sum over ordered pairs i != j of ||z_i - z_j||^2;  dz_i = factor_b sum over j of (z_i - z_j).
// Every z_m is read once and dz_m written once: 2 M d elements a patient, M (M - 1) / 2 differences a column. Floor on
// an H100 for B = 65,536, d = 512, M = 3: float 0.27 ms, bf16 0.13. In front of attention fusion it costs no bytes at
// all: attention_fusion_step.cu computes it there.
//
// What multiplies a patient's gradient is known before its embeddings are read, so columns are independent: a group of
// up to 32 lanes walks along a patient's row, two packs of every modality at a time (M = 3: 96 bytes of reads a lane on
// their way), and nothing is kept. Gradients in float in the CPU's order of operations. The value: squares in float
// within a pack, then double; a term a warp in the workspace, summed by a second kernel.
#include "kernels/alignment.h"

#include "kernels/cuda/alignment_terms.h"
#include "kernels/cuda/stretch.h"
#include "kernels/device/entry.h"
#include "kernels/device/pack_float.h"

namespace plait {
namespace {

using cuda::Patient;

template <class T>
struct Alignment {
  AlignmentParams p;
  EmbeddingPointers<T> z;
  std::array<GradSlice<T>, max_modalities> dz;
  const ModalityMask* available;
  cuda::AlignmentTerms terms;
  double* value_terms;
  cuda::Units units;

  __device__ __forceinline__ Patient look_up(std::int64_t b) const {
    Patient patient;
    patient.pulled = terms.pulled(b, available[b] & ((1u << p.modalities) - 1u));
    if (patient.pulled == 0) return patient;
    patient.gradient_factor = terms.gradient_factor(b, patient.pulled);
    patient.value_factor = terms.value_factor(b, patient.pulled);
    return patient;
  }
};

// One stretch of columns of all modalities of one patient: the gradients are stored, the squares returned.
template <int M, int width, class T>
__device__ __forceinline__ float pull_together(const Alignment<T>& q, const Patient& patient, std::int64_t at,
                                               const cuda::Stretch<T, width> (&z)[M]) {
  float squares = 0.0f;
  PLAIT_UNROLL
  for (int i = 0; i < M; ++i) {
    PLAIT_UNROLL
    for (int j = i + 1; j < M; ++j) {
      if ((patient.pulled >> i & patient.pulled >> j & 1u) == 0) continue;
      PLAIT_UNROLL
      for (int e = 0; e < width; ++e) {
        const float difference = device::float_at(z[i], e) - device::float_at(z[j], e);
        squares = fmaf(difference, difference, squares);
      }
    }
  }
  PLAIT_UNROLL
  for (int m = 0; m < M; ++m) {
    const GradSlice<T> dz = device::entry(q.dz, m);
    if (m >= q.p.modalities || dz.mode == GradMode::ignore) continue;
    const bool pulled = (patient.pulled >> m & 1u) != 0, add = dz.mode == GradMode::accumulate;
    if (add && !pulled) continue;
    cuda::Stretch<T, width> to = {};
    if (add) to = cuda::load<width>(dz.data + at);
    if (pulled) {
      float gradient[width];
      PLAIT_UNROLL
      for (int e = 0; e < width; ++e) {
        gradient[e] = patient.gradient_factor *
                      cuda::pull_of<M>(patient.pulled, m, [&](int j) { return device::float_at(z[j], e); });
        if (add) gradient[e] = device::float_at(to, e) + gradient[e];
      }
      to = device::from_floats<cuda::Stretch<T, width>>(gradient);
    }
    cuda::store<width>(dz.data + at, to);
  }
  return squares;
}

template <class T, int M, int width>
__global__ void __launch_bounds__(cuda::group_threads) alignment_kernel(Alignment<T> q) {
  using Stretch = cuda::Stretch<T, width>;
  constexpr int ahead = M <= 4 ? 2 : 1;
  const cuda::LaneGroup<0> group(q.units);
  double value_term = 0.0;
  cuda::walk_patients(
      group, q.units, q.p.batch, [&](std::int64_t b) { return q.look_up(b); },
      [&](std::int64_t b, const Patient& patient) {
        if (b < 0) return;
        double squares = 0.0;
        const std::int64_t step = std::int64_t{group.size()} * width;
        for (std::int64_t c = group.rank() * width; c < q.p.width; c += ahead * step) {
          Stretch z[ahead][M] = {};
          PLAIT_UNROLL
          for (int k = 0; k < ahead; ++k) {
            PLAIT_UNROLL
            for (int m = 0; m < M; ++m)
              if ((patient.pulled >> m & 1u) != 0 && c + k * step < q.p.width)
                z[k][m] = cuda::load<width>(device::entry(q.z, m) + b * q.p.z_stride + c + k * step);
          }
          PLAIT_UNROLL
          for (int k = 0; k < ahead; ++k)
            if (c + k * step < q.p.width)
              squares +=
                  static_cast<double>(pull_together<M, width>(q, patient, b * q.p.z_stride + c + k * step, z[k]));
        }
        value_term += static_cast<double>(patient.value_factor) * squares;
      });
  cuda::store_value_term(value_term, q.value_terms);
}

// Returns the blocks of the grid.
template <int width, class T>
unsigned align(Alignment<T> q, cudaStream_t stream) {
  q.units.lanes = cuda::lanes_for(q.p.width / width);
  const std::int64_t slots = device::warp_size / q.units.lanes;
  q.units.count = (q.p.batch + slots - 1) / slots;
  const unsigned blocks = blocks_for(q.units.count, cuda::group_warps);
  const auto run = [&]<int M>() { launch(alignment_kernel<T, M, width>, blocks, cuda::group_threads, 0, stream, q); };
  const int modalities = q.p.modalities;
  if (modalities <= 3)  // two share the kernel of three: the third is skipped by whole warps, unread
    run.template operator()<3>();
  else if (modalities == 4)
    run.template operator()<4>();
  else
    run.template operator()<8>();
  return blocks;
}

}  // namespace

namespace gpu {

std::size_t alignment_workspace_bytes(const AlignmentParams& p) {
  return cuda::value_terms_bytes(p.batch);
}

template <class T>
void alignment_loss(const AlignmentParams& p, const EmbeddingPointers<T>& z, const ModalityMask* available,
                    const float* weights, const double* denominator, double* value,
                    const std::array<GradSlice<T>, max_modalities>& dz, void* workspace, cudaStream_t stream) {
  constexpr int width = 16 / sizeof(T);
  bool packed = true;
  for (std::size_t m = 0; m < static_cast<std::size_t>(p.modalities); ++m) {
    packed = packed && cuda::rows_are_stretches<width>(z[m], p.z_stride, p.width);
    if (dz[m].mode != GradMode::ignore)
      packed = packed && cuda::rows_are_stretches<width>(dz[m].data, p.z_stride, p.width);
  }
  const Alignment<T> q = {.p = p,
                          .z = z,
                          .dz = dz,
                          .available = available,
                          .terms = {.width = p.width,
                                    .mean_form = p.mean_form,
                                    .coefficient = p.coefficient,
                                    .weights = weights,
                                    .denominator = denominator},
                          .value_terms = static_cast<double*>(workspace),
                          .units = {}};
  const unsigned blocks = packed ? align<width>(q, stream) : align<1>(q, stream);
  cuda::finish_value(blocks, q.value_terms, denominator, value, stream);
}

template void alignment_loss(const AlignmentParams&, const EmbeddingPointers<float>&, const ModalityMask*, const float*,
                             const double*, double*, const std::array<GradSlice<float>, max_modalities>&, void*,
                             cudaStream_t);
template void alignment_loss(const AlignmentParams&, const EmbeddingPointers<bf16>&, const ModalityMask*, const float*,
                             const double*, double*, const std::array<GradSlice<bf16>, max_modalities>&, void*,
                             cudaStream_t);

}  // namespace gpu
}  // namespace plait
