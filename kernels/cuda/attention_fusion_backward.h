// The backward kernels of attention fusion: attention_fusion.cu says what they cost and why they look as they do.
#pragma once

#include "kernels/attention_fusion.h"
#include "kernels/cuda/attention_shape.h"
#include "kernels/cuda/fusion_patients.h"
#include "kernels/cuda/partial_rows.h"
#include "kernels/device/approximate.h"
#include "kernels/device/entry.h"
#include "kernels/device/pack_float.h"
#include "kernels/launch.h"

namespace plait::cuda {

template <class T, class Patients>
struct FusionBackward {
  AttentionFusionParams p;
  EmbeddingPointers<T> z;
  const T* weight;
  const float* alpha;
  const T* d_fused;
  std::array<GradSlice<T>, max_modalities> dz;
  float* partial_dw;  // [blocks, d]; null where nobody wants dw
  Units units;
  Patients patients;
};

// alpha and ds of one patient: ds_m = alpha_m (dalpha_m - sum_k alpha_k dalpha_k), 0 where absent. d_alpha holds this
// thread's part of d_fused . z_m; all groups of the unit call it.
template <int M, class Group, class Problem>
__device__ __forceinline__ void score_gradients(const Problem& q, const Group& group, std::int64_t b, unsigned present,
                                                float (&d_alpha)[M], float (&alpha)[M], float (&ds)[M]) {
  PLAIT_UNROLL
  for (int m = 0; m < M; ++m) alpha[m] = (present >> m & 1u) != 0 ? q.alpha[b * q.p.modalities + m] : 0.0f;
  group.sum(d_alpha);
  float mean = 0.0f;
  PLAIT_UNROLL
  for (int m = 0; m < M; ++m)
    if ((present >> m & 1u) != 0) mean = fmaf(alpha[m], d_alpha[m], mean);
  PLAIT_UNROLL
  for (int m = 0; m < M; ++m) ds[m] = (present >> m & 1u) != 0 ? alpha[m] * (d_alpha[m] - mean) : 0.0f;
}

// The warps' dw of a block become its partial row. Columns of a thread: e of pack rank + i * group's size.
template <class T, int P, class Group>
__device__ __forceinline__ void store_partial_dw(const Group& group, int packs, float (&dw)[P][device::Pack<T>::size],
                                                 float* row) {
  constexpr int width = device::Pack<T>::size;
  if constexpr (Group::units_a_block == 1) {
    PLAIT_UNROLL
    for (int i = 0; i < P; ++i) {
      const int at = group.rank() + i * group.size();
      if (at >= packs) continue;
      PLAIT_UNROLL
      for (int e = 0; e < width; ++e) row[at * width + e] = dw[i][e];
    }
  } else {
    struct Sums {
      float of_warp[group_warps][P * width * device::warp_size];
    };
    Sums& sums = device::block_shared<Sums>();
    // First the groups of a warp, which share their columns, then the warps.
    for (int offset = group.size(); offset < device::warp_size; offset *= 2) {
      PLAIT_UNROLL
      for (int i = 0; i < P; ++i) {
        PLAIT_UNROLL
        for (int e = 0; e < width; ++e) dw[i][e] += __shfl_xor_sync(device::full_warp, dw[i][e], offset);
      }
    }
    if (group.slot() == 0) {
      PLAIT_UNROLL
      for (int i = 0; i < P; ++i) {
        const int at = group.rank() + i * group.size();
        if (at >= packs) continue;
        PLAIT_UNROLL
        for (int e = 0; e < width; ++e) sums.of_warp[threadIdx.x / device::warp_size][at * width + e] = dw[i][e];
      }
    }
    __syncthreads();
    for (int c = static_cast<int>(threadIdx.x); c < packs * width; c += group_threads)
      row[c] = (sums.of_warp[0][c] + sums.of_warp[1][c]) + (sums.of_warp[2][c] + sums.of_warp[3][c]);
  }
}

// All M embeddings of a patient and its d_fused in its group's registers; z and d_fused read once, dz written once.
template <class T, int M, int P, class Group, class Patients>
__global__ void __launch_bounds__(group_threads, M == 3 ? (Patients::aligned ? 3 : 4) : 2)
    fuse_backward_kernel(FusionBackward<T, Patients> q) {
  using Pack = device::Pack<T>;
  const Group group(q.units);
  const int packs = static_cast<int>(q.p.width) / Pack::size;
  float dw[P][Pack::size] = {};
  const auto look_up = [&](std::int64_t b) { return q.patients.look_up(b, false); };
  walk_patients(group, q.units, q.p.batch, look_up, [&](std::int64_t b, const Patient& patient) {
    const unsigned wanted = patient.present | patient.pulled;
    Pack z[M][P] = {}, dy[P] = {};
    PLAIT_UNROLL
    for (int i = 0; i < P; ++i) {
      const int at = group.rank() + i * group.size();
      if (at < packs && patient.present != 0)
        dy[i] = device::load_pack_once(q.d_fused + b * q.p.fused_stride + at * Pack::size);
    }
    PLAIT_UNROLL
    for (int m = 0; m < M; ++m) {
      if ((wanted >> m & 1u) == 0) continue;
      PLAIT_UNROLL
      for (int i = 0; i < P; ++i) {
        const int at = group.rank() + i * group.size();
        if (at < packs) z[m][i] = device::load_pack_once(device::entry(q.z, m) + b * q.p.z_stride + at * Pack::size);
      }
    }

    float d_alpha[M] = {}, alpha[M], ds[M];
    PLAIT_UNROLL
    for (int m = 0; m < M; ++m) {
      if ((patient.present >> m & 1u) == 0) continue;
      PLAIT_UNROLL
      for (int i = 0; i < P; ++i) {
        PLAIT_UNROLL
        for (int e = 0; e < Pack::size; ++e)
          d_alpha[m] = fmaf(device::float_at(dy[i], e), device::float_at(z[m][i], e), d_alpha[m]);
      }
    }
    score_gradients(q, group, b, patient.present, d_alpha, alpha, ds);
    if (b < 0) return;

    PLAIT_UNROLL
    for (int i = 0; i < P; ++i) {
      const int at = group.rank() + i * group.size();
      if (at >= packs) continue;
      const Pack w = device::load_pack(q.weight + at * Pack::size);
      PLAIT_UNROLL
      for (int m = 0; m < M; ++m) {
        if (m >= q.p.modalities) continue;
        float gradient[Pack::size] = {};
        if ((patient.present >> m & 1u) != 0) {
          PLAIT_UNROLL
          for (int e = 0; e < Pack::size; ++e) {
            const float t = device::tanh_approximate(device::float_at(z[m][i], e));
            gradient[e] =
                fmaf(ds[m] * device::float_at(w, e), fmaf(-t, t, 1.0f), alpha[m] * device::float_at(dy[i], e));
            dw[i][e] = fmaf(ds[m], t, dw[i][e]);
          }
        }
        if constexpr (Patients::aligned) {
          if ((patient.pulled >> m & 1u) != 0) {
            PLAIT_UNROLL
            for (int e = 0; e < Pack::size; ++e)
              gradient[e] =
                  fmaf(patient.gradient_factor,
                       pull_of<M>(patient.pulled, m, [&](int j) { return device::float_at(z[j][i], e); }), gradient[e]);
          }
        }
        const GradSlice<T> dz = device::entry(q.dz, m);
        T* to = dz.data + b * q.p.z_stride + at * Pack::size;
        if (dz.mode == GradMode::accumulate && (wanted >> m & 1u) != 0) {
          const Pack before = device::load_pack(to);
          PLAIT_UNROLL
          for (int e = 0; e < Pack::size; ++e) gradient[e] = device::float_at(before, e) + gradient[e];
          device::store_pack(to, device::from_floats<Pack>(gradient));
        }
        if (dz.mode == GradMode::overwrite) device::store_pack(to, device::from_floats<Pack>(gradient));
      }
    }
  });
  if (q.partial_dw != nullptr) store_partial_dw<T, P>(group, packs, dw, q.partial_dw + blockIdx.x * q.p.width);
}

// Any width, any alignment: a block a patient, element by element, the second reading from the cache; dw in the block's
// own row of memory.
template <class T, class Patients>
__global__ void __launch_bounds__(group_threads, 4) fuse_wide_backward_kernel(FusionBackward<T, Patients> q) {
  constexpr int M = max_modalities;
  const BlockGroup group(q.units);
  float* row = q.partial_dw == nullptr ? nullptr : q.partial_dw + blockIdx.x * q.p.width;
  if (row != nullptr)
    for (std::int64_t c = group.rank(); c < q.p.width; c += group.size()) row[c] = 0.0f;
  const auto look_up = [&](std::int64_t b) { return q.patients.look_up(b, false); };
  walk_patients(group, q.units, q.p.batch, look_up, [&](std::int64_t b, const Patient& patient) {
    const auto z = [&](int m, std::int64_t c) { return to_float(device::entry(q.z, m)[b * q.p.z_stride + c]); };
    const auto dy = [&](std::int64_t c) { return to_float(q.d_fused[b * q.p.fused_stride + c]); };
    float d_alpha[M] = {}, alpha[M], ds[M];
    for (std::int64_t c = group.rank(); c < q.p.width; c += group.size()) {
      PLAIT_UNROLL
      for (int m = 0; m < M; ++m)
        if ((patient.present >> m & 1u) != 0) d_alpha[m] = fmaf(dy(c), z(m, c), d_alpha[m]);
    }
    score_gradients(q, group, b, patient.present, d_alpha, alpha, ds);

    const unsigned wanted = patient.present | patient.pulled;
    for (std::int64_t c = group.rank(); c < q.p.width; c += group.size()) {
      float dw = 0.0f;
      PLAIT_UNROLL
      for (int m = 0; m < M; ++m) {
        if (m >= q.p.modalities) continue;
        float gradient = 0.0f;
        if ((patient.present >> m & 1u) != 0) {
          const float t = device::tanh_approximate(z(m, c));
          gradient = fmaf(ds[m] * to_float(q.weight[c]), fmaf(-t, t, 1.0f), alpha[m] * dy(c));
          dw = fmaf(ds[m], t, dw);
        }
        if constexpr (Patients::aligned) {
          if ((patient.pulled >> m & 1u) != 0)
            gradient =
                fmaf(patient.gradient_factor, pull_of<M>(patient.pulled, m, [&](int j) { return z(j, c); }), gradient);
        }
        const GradSlice<T> dz = device::entry(q.dz, m);
        T* to = dz.data + b * q.p.z_stride + c;
        if (dz.mode == GradMode::accumulate && (wanted >> m & 1u) != 0) *to = from_float<T>(to_float(*to) + gradient);
        if (dz.mode == GradMode::overwrite) *to = from_float<T>(gradient);
      }
      if (row != nullptr && patient.present != 0) row[c] += dw;
    }
  });
}

// Rows of partial sums of dw that a batch leaves at most.
inline std::size_t partial_dw_bytes(const AttentionFusionParams& p) {
  return static_cast<std::size_t>(std::min(p.batch, most_partial_rows) * p.width) * sizeof(float);
}

// q.units and q.partial_dw are filled in; workspace: partial_dw_bytes.
template <class T, class Patients>
void fuse_backward(FusionBackward<T, Patients> q, GradSlice<float> dw, void* workspace, cudaStream_t stream) {
  const AttentionFusionParams& p = q.p;
  q.partial_dw = dw.mode == GradMode::ignore ? nullptr : static_cast<float*>(workspace);
  bool packed = device::rows_are_packed(q.d_fused, p.fused_stride, p.width) &&
                device::rows_are_packed(q.weight, p.width, p.width);
  for (std::size_t m = 0; m < static_cast<std::size_t>(p.modalities); ++m) {
    packed = packed && device::rows_are_packed(q.z[m], p.z_stride, p.width);
    if (q.dz[m].mode != GradMode::ignore) packed = packed && device::rows_are_packed(q.dz[m].data, p.z_stride, p.width);
  }
  with_attention_shape<T>(p.width, p.modalities, packed, [&]<class Shape>(Shape) {
    q.units = backward_units<Shape>(p.batch, p.width / device::Pack<T>::size);
    const unsigned blocks = blocks_for(q.units.count, Shape::Group::units_a_block);
    if constexpr (Shape::packs == 0)
      launch(fuse_wide_backward_kernel<T, Patients>, blocks, group_threads, 0, stream, q);
    else
      launch(fuse_backward_kernel<T, Shape::modalities, Shape::packs, typename Shape::Group, Patients>, blocks,
             group_threads, 0, stream, q);
    sum_partial_rows(blocks, p.width, q.partial_dw, dw, stream);
  });
}

}  // namespace plait::cuda
