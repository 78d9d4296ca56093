// Rows that are copied in segments, one segment a modality: where a patient has the modality its elements (scaled where
// asked), elsewhere zeros. Both directions of masked concatenation, and early fusion's input.
//
// Memory-bound: a thread moves four stretches of 16 bytes, of four rows, their masks read first, then all four loads,
// then the stores: 64 bytes a thread on their way. Threads lie along a segment as far as it goes, then over rows.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "kernels/cuda/stretch.h"
#include "kernels/device/entry.h"
#include "kernels/device/pack_float.h"
#include "kernels/grad_mode.h"
#include "kernels/launch.h"
#include "kernels/modality_mask.h"

namespace plait::cuda {

template <class T>
struct Segment {
  const T* from = nullptr;
  T* to = nullptr;  // null: nobody wants it
  std::int64_t columns = 0, from_stride = 0, to_stride = 0;
  bool add = false;  // to what is there
};

template <class T>
struct MaskedSegments {
  std::int64_t batch = 0;
  int modalities = 0;
  const ModalityMask* present = nullptr;  // null: everything is
  bool rescale = false;                   // by M / number present
  std::array<Segment<T>, max_modalities> segment;
  T* bits = nullptr;  // [batch, M] with bits_stride: 1 where present, else 0; null: not wanted
  std::int64_t bits_stride = 0;
};

inline constexpr int segment_threads = 256, segment_rows = 4;

// One segment's share of a block; a template so that segments are named at compile time, in registers.
template <int width, class T>
__device__ __forceinline__ void copy_segment(const MaskedSegments<T>& q, const Segment<T>& s, int m,
                                             int threads_a_row) {
  const int thread = static_cast<int>(threadIdx.x), rows_at_once = segment_threads / threads_a_row;
  const std::int64_t column = (std::int64_t{blockIdx.x} * threads_a_row + thread % threads_a_row) * width;
  if (s.to == nullptr || column >= s.columns) return;
  const std::int64_t tile = std::int64_t{rows_at_once} * segment_rows;
  for (std::int64_t first = blockIdx.y * tile + thread / threads_a_row; first < q.batch; first += gridDim.y * tile) {
    ModalityMask mask[segment_rows] = {};
    PLAIT_UNROLL
    for (int r = 0; r < segment_rows; ++r) {
      const std::int64_t row = first + r * rows_at_once;
      if (row >= q.batch) continue;
      mask[r] = q.present == nullptr ? static_cast<ModalityMask>((1u << q.modalities) - 1u) : q.present[row];
    }
    Stretch<T, width> moved[segment_rows] = {};
    PLAIT_UNROLL
    for (int r = 0; r < segment_rows; ++r)
      if (has_modality(mask[r], m))
        moved[r] = load<width>(s.from + (first + r * rows_at_once) * s.from_stride + column);
    PLAIT_UNROLL
    for (int r = 0; r < segment_rows; ++r) {
      const std::int64_t row = first + r * rows_at_once;
      if (row >= q.batch) continue;
      const bool here = has_modality(mask[r], m);
      T* to = s.to + row * s.to_stride + column;
      if (here && (q.rescale || s.add)) {
        const float scale =
            q.rescale ? static_cast<float>(q.modalities) / static_cast<float>(count_modalities(mask[r])) : 1.0f;
        Stretch<T, width> before = {};
        if (s.add) before = load<width>(to);
        float value[width];
        PLAIT_UNROLL
        for (int e = 0; e < width; ++e) {
          value[e] = scale * device::float_at(moved[r], e);
          if (s.add) value[e] = device::float_at(before, e) + value[e];
        }
        moved[r] = device::from_floats<Stretch<T, width>>(value);
      }
      if (here || !s.add) store<width>(to, moved[r]);
    }
  }
}

// The bits of the rows that the block at the front of the first segment has moved; eight places a row, of which M
// count.
template <class T>
__device__ __forceinline__ void store_bits(const MaskedSegments<T>& q, int threads_a_row) {
  const int tile = segment_threads / threads_a_row * segment_rows;
  for (std::int64_t first = std::int64_t{blockIdx.y} * tile; first < q.batch; first += std::int64_t{gridDim.y} * tile)
    for (int at = static_cast<int>(threadIdx.x); at < tile * max_modalities; at += segment_threads) {
      const std::int64_t row = first + at / max_modalities;
      const int m = at % max_modalities;
      if (row < q.batch && m < q.modalities)
        q.bits[row * q.bits_stride + m] = from_float<T>(has_modality(q.present[row], m) ? 1.0f : 0.0f);
    }
}

// grid (columns, rows, modalities)
template <class T, int width>
__global__ void __launch_bounds__(segment_threads, 4) masked_segments_kernel(MaskedSegments<T> q, int threads_a_row) {
  PLAIT_UNROLL
  for (int m = 0; m < max_modalities; ++m)
    if (static_cast<int>(blockIdx.z) == m) copy_segment<width>(q, device::entry(q.segment, m), m, threads_a_row);
  if (q.bits != nullptr && blockIdx.x == 0 && blockIdx.z == 0) store_bits(q, threads_a_row);
}

template <class T>
void copy_segments(const MaskedSegments<T>& q, cudaStream_t stream) {
  constexpr int pack = 16 / sizeof(T);
  bool packed = true;
  std::int64_t columns = 0;
  for (int m = 0; m < q.modalities; ++m) {
    const Segment<T>& s = q.segment[static_cast<std::size_t>(m)];
    if (s.to == nullptr) continue;
    columns = std::max(columns, s.columns);
    packed = packed && rows_are_stretches<pack>(s.from, s.from_stride, s.columns) &&
             rows_are_stretches<pack>(s.to, s.to_stride, s.columns);
  }
  const auto run = [&]<int width>() {
    const std::int64_t stretches = std::max<std::int64_t>(1, columns / width);
    const int threads_a_row = static_cast<int>(
        std::bit_ceil(static_cast<std::uint64_t>(std::clamp<std::int64_t>(stretches, 1, segment_threads))));
    const std::int64_t tile = std::int64_t{segment_threads} / threads_a_row * segment_rows;
    const dim3 grid(blocks_for(stretches, threads_a_row), std::min(blocks_for(q.batch, tile), 65535u),
                    static_cast<unsigned>(q.modalities));
    launch(masked_segments_kernel<T, width>, grid, segment_threads, 0, stream, q, threads_a_row);
  };
  if (packed)
    run.template operator()<pack>();
  else
    run.template operator()<1>();
}

}  // namespace plait::cuda
