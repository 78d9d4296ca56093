// The kernel shared by the convolution's forward pass and its input gradient, an implicit GEMM over staged patches:
//
//   out[n, h, w, j] = sum over (r, s, i) of in[n, h + r' - pad_top, w + s' - pad_left, i] * weight(r, s, i, j)
//   r' = r, s' = s forward; r' = rows - 1 - r, s' = columns - 1 - s where the taps are mirrored (input gradient).
//
// A step is a group of taps over a chunk of in-channels. While it is computed, the weights of the next step and, before
// a new chunk, its patch are on their way (cp.async): one barrier a step. Where `in` is a gradient behind an
// activation, each thread carries the units that it copied itself through it, before the barrier that shows them to the
// others.
//
// Two ways through a window: the patch under the whole window once a chunk (the sum's order is chunk, tap), or, where
// that is too large or the order (tap, channel) is promised, a patch under one tap at a time.
//
// Policies (Math): conv2d_tensor_core.h, bf16 on the tensor cores; conv2d_chain.h, float in chains of fmaf.
#pragma once

#include "kernels/cuda/conv2d_tile.h"
#include "kernels/device/shared_memory.h"

namespace plait::conv {

struct Correlation {
  Images in, out;
  PixelTiles tiles;
  int taps_high = 1, taps_wide = 1, pad_top = 0, pad_left = 0;
  std::int64_t weight_stride = 0;  // elements between out-channels of the convolution
  Activation in_activation = Activation::identity, out_activation = Activation::identity;
  bool accumulate = false;
  bool whole_packs_out = false;  // rows of `out` may be written in 16-byte packs

  // The order of the work, and where it lies in shared memory (in elements).
  bool tap_by_tap = false;
  int chunks = 0, groups = 0;                                           // chunks of in-channels, groups of taps
  device::Divisor chunk, group, out_blocks, window_wide;                // in-channels, taps, blocks of out-channels
  int patch_pitch = 0, weight_pitch = 0;                                // between pixels; between rows
  int patch_size = 0, weight_size = 0, weights_at = 0, outputs_at = 0;  // patches lie at 0

  PLAIT_HD int taps() const { return taps_high * taps_wide; }
};

// What a step computes; `patch` counts patches.
struct CorrelationStep {
  int index, first_tap, end_tap, chunk, patch;
  bool new_patch;
};

__device__ __forceinline__ CorrelationStep correlation_step(const Correlation& q, int index) {
  if (q.tap_by_tap) return {index, index / q.chunks, index / q.chunks + 1, index % q.chunks, index, true};
  const int chunk = index / q.groups, group = index % q.groups, tap = group * q.group.value();
  return {index, tap, std::min(tap + q.group.value(), q.taps()), chunk, chunk, group == 0};
}

// weight[j][r][s][i] forward, weight[i][r][s][j] mirrored: the convolution's one layout, read in two directions. The
// shared copies: [j][tap, i] forward, [tap, i][j] mirrored.
template <bool mirrored, int width, class Math, class T>
__device__ __forceinline__ void copy_weights(const Correlation& q, const CorrelationStep& step, int j0, const T* weight,
                                             T* to) {
  const int i0 = step.chunk * q.chunk.value();
  if constexpr (mirrored) {
    constexpr int units = Math::columns / width;
    const int rows = (step.end_tap - step.first_tap) * q.chunk.value();
    for (int e = static_cast<int>(threadIdx.x); e < rows * units; e += Math::threads) {
      const int row = e / units, j = e % units * width;
      int tap = row;
      const int i = i0 + q.chunk.split(tap);
      tap += step.first_tap;
      const bool inside = i < q.in.channels && j0 + j < q.out.channels;
      const std::int64_t at = i * q.weight_stride + std::int64_t{tap} * q.out.channels + j0 + j;
      copy_unit<width>(to + row * q.weight_pitch + j, weight + (inside ? at : 0), inside);
    }
  } else {
    const int depth = q.chunk.value() * q.group.value();
    for (int e = static_cast<int>(threadIdx.x) * width; e < Math::columns * depth; e += Math::threads * width) {
      int j = e;
      const int i = q.chunk.split(j), tap = q.group.split(j);
      if (step.first_tap + tap >= step.end_tap) continue;
      const bool inside = i0 + i < q.in.channels && j0 + j < q.out.channels;
      const std::int64_t at = (j0 + j) * q.weight_stride + std::int64_t{step.first_tap + tap} * q.in.channels + i0 + i;
      copy_unit<width>(to + j * q.weight_pitch + tap * q.chunk.value() + i, weight + (inside ? at : 0), inside);
    }
  }
}

// Bias, activation, the old values, rounding; from sums[pixel][column] in shared memory to `out`, `width` at a time.
template <int width, class Math, class T>
__device__ __forceinline__ void finish(const Correlation& q, const Pixel& origin, int j0, const float* sums,
                                       const float* bias, T* out) {
  struct alignas(width * sizeof(T)) Unit {
    T value[width];
  };
  constexpr int units = Math::columns / width;
  for (int e = static_cast<int>(threadIdx.x); e < Math::rows * units; e += Math::threads) {
    const int m = e / units, j = e % units * width;
    const Pixel at = q.tiles.inside(m);
    const int n = origin.n + at.n, h = origin.h + at.h, w = origin.w + at.w;
    if (n >= q.out.batch || h >= q.out.height || w >= q.out.width || j0 + j >= q.out.channels) continue;
    T* const to = out + n * q.out.stride + (std::int64_t{h} * q.out.width + w) * q.out.channels + j0 + j;
    Unit unit{};
    if (q.accumulate && !Math::starts_from_old) unit = *reinterpret_cast<const Unit*>(to);
    PLAIT_UNROLL
    for (int i = 0; i < width; ++i) {
      float x = sums[m * Math::sums_pitch + j + i];
      if (bias != nullptr) x = x + bias[j0 + j + i];
      x = activate(q.out_activation, x);
      if (q.accumulate && !Math::starts_from_old) x = to_float(unit.value[i]) + x;
      unit.value[i] = from_float<T>(x);
    }
    *reinterpret_cast<Unit*>(to) = unit;
  }
}

// in_outputs: what the activation gave, of the layout of `in`. One block: a tile of pixels, Math::columns out-channels.
template <class Math, bool mirrored, int width, class T>
__global__ void __launch_bounds__(Math::threads)
    correlate_kernel(Correlation q, const T* in, const T* in_outputs, const T* weight, const float* bias, T* out) {
  T* const shared = device::dynamic_shared<T>();
  int tile = static_cast<int>(blockIdx.x);
  const int j0 = q.out_blocks.split(tile) * Math::columns;
  const Pixel origin = q.tiles.origin(tile);
  const bool through = mirrored && q.in_activation != Activation::identity;
  const int steps = q.tap_by_tap ? q.taps() * q.chunks : q.chunks * q.groups;

  const auto patch_of = [&](const CorrelationStep& step) { return shared + (step.patch & 1) * q.patch_size; };
  const auto weights_of = [&](const CorrelationStep& step) {
    return shared + q.weights_at + (step.index & 1) * q.weight_size;
  };
  const auto place_of = [&](int tap) {  // in the window
    const int s = q.window_wide.split(tap);
    return mirrored ? Pixel{0, q.taps_high - 1 - tap, q.taps_wide - 1 - s} : Pixel{0, tap, s};
  };
  const auto view_of = [&](const CorrelationStep& step) {
    Pixel corner{origin.n, origin.h - q.pad_top, origin.w - q.pad_left};
    if (q.tap_by_tap) {
      const Pixel place = place_of(step.first_tap);
      corner.h += place.h, corner.w += place.w;
    }
    return patch_view(q.tiles, corner, step.chunk * q.chunk.value(), q.chunk, q.patch_pitch);
  };
  const auto start_copies = [&](const CorrelationStep& step) {
    if (step.new_patch) {
      copy_view<Math::threads, width>(view_of(step), q.in, in, patch_of(step));
      if (through) copy_view<Math::threads, width>(view_of(step), q.in, in_outputs, shared + q.outputs_at);
    }
    copy_weights<mirrored, width, Math>(q, step, j0, weight, weights_of(step));
    device::async_commit();
  };

  Math math(q, origin, j0, out);
  if (steps > 0) start_copies(correlation_step(q, 0));
  for (int index = 0; index < steps; ++index) {
    const CorrelationStep step = correlation_step(q, index);
    device::async_wait<0>();
    if (through && step.new_patch) {
      each_unit<Math::threads, width>(view_of(step), q.in, [&](const View::Unit& unit) {
        if (unit.inside)
          through_activation<width>(q.in_activation, shared + q.outputs_at + unit.element,
                                    patch_of(step) + unit.element);
      });
    }
    __syncthreads();
    if (index + 1 < steps) start_copies(correlation_step(q, index + 1));
    for (int tap = step.first_tap; tap < step.end_tap; ++tap) {
      const Pixel place = q.tap_by_tap ? Pixel{} : place_of(tap);
      const int depth = (tap - step.first_tap) * q.chunk.value();
      math.template multiply<mirrored>(
          patch_of(step) + (place.h * q.tiles.patch_wide.value() + place.w) * q.patch_pitch,
          weights_of(step) + (mirrored ? depth * q.weight_pitch : depth), q.weight_pitch, q.chunk.value());
    }
  }

  __syncthreads();  // the last patch has been read
  float* const sums = device::dynamic_shared<float>();
  math.template store<mirrored>(sums);
  __syncthreads();
  if (q.whole_packs_out)
    finish<device::Pack<T>::size, Math>(q, origin, j0, sums, bias, out);
  else
    finish<1, Math>(q, origin, j0, sums, bias, out);
}

// Fills in the order of the work; returns the bytes of shared memory. The caller has set what stands above it.
template <class Math, bool mirrored>
std::size_t plan_correlation(Correlation& q) {
  using T = typename Math::Element;
  constexpr int most_elements = 96 * 1024 / sizeof(T);  // of patches: two blocks an SM
  const auto through = mirrored && q.in_activation != Activation::identity;
  const auto plan = [&](bool tap_by_tap) {
    const int chunk = static_cast<int>(Math::chunk(q.in.channels, tap_by_tap));
    q.tap_by_tap = tap_by_tap;
    q.chunks = static_cast<int>((q.in.channels + chunk - 1) / chunk);
    const int group = tap_by_tap ? 1 : std::clamp(Math::group_depth / chunk, 1, q.taps());
    q.groups = tap_by_tap ? 1 : (q.taps() + group - 1) / group;
    q.chunk = device::Divisor(chunk), q.group = device::Divisor(group);
    q.tiles = choose_tiles(Math::rows, q.out.batch, q.out.height, q.out.width, tap_by_tap ? 1 : q.taps_high,
                           tap_by_tap ? 1 : q.taps_wide);
    q.patch_pitch = odd_pitch<T>(chunk);
    q.patch_size = q.tiles.patch_pixels() * q.patch_pitch;
    q.weight_pitch = odd_pitch<T>(mirrored ? Math::columns : group * chunk);
    q.weight_size = q.weight_pitch * (mirrored ? group * chunk : Math::columns);
    q.weights_at = q.patch_size * (q.chunks > 1 || tap_by_tap ? 2 : 1);
    q.outputs_at = q.weights_at + 2 * q.weight_size;
    return q.weights_at + (through ? q.patch_size : 0);
  };
  if (plan(false) > most_elements || (Math::starts_from_old && q.chunks > 1)) plan(true);
  q.window_wide = device::Divisor(q.taps_wide);
  q.out_blocks = device::Divisor((q.out.channels + Math::columns - 1) / Math::columns);
  const std::size_t copies = sizeof(T) * static_cast<std::size_t>(q.outputs_at + (through ? q.patch_size : 0));
  return std::max(copies, sizeof(float) * Math::rows * Math::sums_pitch);
}

}  // namespace plait::conv
