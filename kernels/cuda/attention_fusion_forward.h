// The forward kernels of attention fusion: attention_fusion.cu says what they cost and why they look as they do.
#pragma once

#include "kernels/attention_fusion.h"
#include "kernels/cuda/attention_shape.h"
#include "kernels/cuda/fusion_patients.h"
#include "kernels/device/approximate.h"
#include "kernels/device/entry.h"
#include "kernels/device/pack_float.h"
#include "kernels/launch.h"

namespace plait::cuda {

template <class T, class Patients>
struct FusionForward {
  AttentionFusionParams p;
  EmbeddingPointers<T> z;
  const T* weight;
  float* alpha;
  T* fused;
  Units units;
  Patients patients;
};

// Scores become their softmax over the present modalities; the absent ones get an exact 0.
template <int M>
__device__ __forceinline__ void masked_softmax(unsigned present, float (&alpha)[M]) {
  float top = -INFINITY, total = 0.0f;
  PLAIT_UNROLL
  for (int m = 0; m < M; ++m)
    if ((present >> m & 1u) != 0) top = top < alpha[m] ? alpha[m] : top;
  PLAIT_UNROLL
  for (int m = 0; m < M; ++m) {
    // exp(s - top) as 2^x: the argument is never above 0.
    alpha[m] = (present >> m & 1u) != 0 ? device::exp2_approximate((alpha[m] - top) * 0x1.715476p0f) : 0.0f;
    total += alpha[m];
  }
  const float scale = 1.0f / total;
  PLAIT_UNROLL
  for (int m = 0; m < M; ++m) alpha[m] = (present >> m & 1u) != 0 ? alpha[m] * scale : 0.0f;
}

template <int M, class Group, class Problem>
__device__ __forceinline__ void store_alpha(const Problem& q, const Group& group, std::int64_t b,
                                            const float (&alpha)[M]) {
  PLAIT_UNROLL
  for (int m = 0; m < M; ++m)
    if (m < q.p.modalities && group.rank() == (m & (group.size() - 1))) q.alpha[b * q.p.modalities + m] = alpha[m];
}

template <class T, int P>
__device__ __forceinline__ float add_squares(const device::Pack<T> (&x)[P], const device::Pack<T> (&y)[P], float sum) {
  PLAIT_UNROLL
  for (int i = 0; i < P; ++i) {
    PLAIT_UNROLL
    for (int e = 0; e < device::Pack<T>::size; ++e) {
      const float difference = device::float_at(x[i], e) - device::float_at(y[i], e);
      sum = fmaf(difference, difference, sum);
    }
  }
  return sum;
}

// All M embeddings of a patient in its group's registers, P packs a thread and modality.
template <class T, int M, int P, class Group, class Patients>
__global__ void __launch_bounds__(group_threads, 4) fuse_kernel(FusionForward<T, Patients> q) {
  using Pack = device::Pack<T>;
  const Group group(q.units);
  const int packs = static_cast<int>(q.p.width) / Pack::size;
  double value_term = 0.0;
  const auto look_up = [&](std::int64_t b) { return q.patients.look_up(b, group.is_first_warp()); };
  walk_patients(group, q.units, q.p.batch, look_up, [&](std::int64_t b, const Patient& patient) {
    const unsigned wanted = patient.present | patient.pulled;
    Pack z[M][P] = {};
    PLAIT_UNROLL
    for (int m = 0; m < M; ++m) {
      if ((wanted >> m & 1u) == 0) continue;
      const T* row = device::entry(q.z, m) + b * q.p.z_stride;
      PLAIT_UNROLL
      for (int i = 0; i < P; ++i) {
        const int at = group.rank() + i * group.size();
        if (at < packs) z[m][i] = device::load_pack_once(row + at * Pack::size);
      }
    }

    float alpha[M] = {};  // the scores at first
    PLAIT_UNROLL
    for (int i = 0; i < P; ++i) {
      const int at = group.rank() + i * group.size();
      if (at >= packs) continue;
      const Pack w = device::load_pack(q.weight + at * Pack::size);
      PLAIT_UNROLL
      for (int m = 0; m < M; ++m) {
        if ((patient.present >> m & 1u) == 0) continue;
        PLAIT_UNROLL
        for (int e = 0; e < Pack::size; ++e)
          alpha[m] = fmaf(device::float_at(w, e), device::tanh_approximate(device::float_at(z[m][i], e)), alpha[m]);
      }
    }
    group.sum(alpha);
    masked_softmax(patient.present, alpha);

    if (b >= 0) {
      store_alpha(q, group, b, alpha);
      PLAIT_UNROLL
      for (int i = 0; i < P; ++i) {
        const int at = group.rank() + i * group.size();
        if (at >= packs) continue;
        float sum[Pack::size] = {};
        PLAIT_UNROLL
        for (int m = 0; m < M; ++m) {
          if ((patient.present >> m & 1u) == 0) continue;
          PLAIT_UNROLL
          for (int e = 0; e < Pack::size; ++e) sum[e] = fmaf(alpha[m], device::float_at(z[m][i], e), sum[e]);
        }
        device::store_pack(q.fused + b * q.p.fused_stride + at * Pack::size, device::from_floats<Pack>(sum));
      }
    }

    if constexpr (Patients::aligned) {
      if (patient.pulled == 0) return;
      float squares = 0.0f;  // of this thread's columns, over all pairs
      PLAIT_UNROLL
      for (int i = 0; i < M; ++i) {
        PLAIT_UNROLL
        for (int j = i + 1; j < M; ++j)
          if ((patient.pulled >> i & patient.pulled >> j & 1u) != 0) squares = add_squares(z[i], z[j], squares);
      }
      value_term += static_cast<double>(patient.value_factor) * static_cast<double>(squares);
    }
  });
  if constexpr (Patients::aligned) {
    if (q.patients.align) store_value_term(value_term, q.patients.value_terms);
  }
}

// Any width, any alignment: a block a patient, element by element, the second and third reading from the cache.
template <class T, class Patients>
__global__ void __launch_bounds__(group_threads, 4) fuse_wide_kernel(FusionForward<T, Patients> q) {
  const BlockGroup group(q.units);
  double value_term = 0.0;
  const auto look_up = [&](std::int64_t b) { return q.patients.look_up(b, group.is_first_warp()); };
  walk_patients(group, q.units, q.p.batch, look_up, [&](std::int64_t b, const Patient& patient) {
    const auto z = [&](int m, std::int64_t c) { return to_float(device::entry(q.z, m)[b * q.p.z_stride + c]); };
    float alpha[max_modalities] = {};
    for (std::int64_t c = group.rank(); c < q.p.width; c += group.size()) {
      const float w = to_float(q.weight[c]);
      PLAIT_UNROLL
      for (int m = 0; m < max_modalities; ++m)
        if ((patient.present >> m & 1u) != 0) alpha[m] = fmaf(w, device::tanh_approximate(z(m, c)), alpha[m]);
    }
    group.sum(alpha);
    masked_softmax(patient.present, alpha);
    store_alpha(q, group, b, alpha);
    for (std::int64_t c = group.rank(); c < q.p.width; c += group.size()) {
      float sum = 0.0f;
      PLAIT_UNROLL
      for (int m = 0; m < max_modalities; ++m)
        if ((patient.present >> m & 1u) != 0) sum = fmaf(alpha[m], z(m, c), sum);
      q.fused[b * q.p.fused_stride + c] = from_float<T>(sum);
    }
    if constexpr (Patients::aligned) {
      if (patient.pulled == 0) return;
      for (std::int64_t c = group.rank(); c < q.p.width; c += group.size()) {
        float squares = 0.0f;
        for (int i = 0; i < q.p.modalities; ++i)
          for (int j = i + 1; j < q.p.modalities; ++j)
            if ((patient.pulled >> i & patient.pulled >> j & 1u) != 0) {
              const float difference = z(i, c) - z(j, c);
              squares = fmaf(difference, difference, squares);
            }
        value_term += static_cast<double>(patient.value_factor) * static_cast<double>(squares);
      }
    }
  });
  if constexpr (Patients::aligned) {
    if (q.patients.align) store_value_term(value_term, q.patients.value_terms);
  }
}

// q.units is filled in. Returns the blocks of the grid.
template <class T, class Patients>
unsigned fuse(FusionForward<T, Patients> q, cudaStream_t stream) {
  const AttentionFusionParams& p = q.p;
  bool packed =
      device::rows_are_packed(q.fused, p.fused_stride, p.width) && device::rows_are_packed(q.weight, p.width, p.width);
  for (std::size_t m = 0; m < static_cast<std::size_t>(p.modalities); ++m)
    packed = packed && device::rows_are_packed(q.z[m], p.z_stride, p.width);
  unsigned blocks = 0;
  with_attention_shape<T>(p.width, p.modalities, packed, [&]<class Shape>(Shape) {
    q.units = forward_units<Shape>(p.batch, p.width / device::Pack<T>::size);
    blocks = blocks_for(q.units.count, Shape::Group::units_a_block);
    if constexpr (Shape::packs == 0)
      launch(fuse_wide_kernel<T, Patients>, blocks, group_threads, 0, stream, q);
    else
      launch(fuse_kernel<T, Shape::modalities, Shape::packs, typename Shape::Group, Patients>, blocks, group_threads, 0,
             stream, q);
  });
  return blocks;
}

}  // namespace plait::cuda
