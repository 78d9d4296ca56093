// Pixels and patches: what the convolution's kernels share. A block works on a tile of output pixels (images x rows x
// columns, all powers of two) and stages the patch of the input under it, zeros outside the image, once in shared
// memory: the taps of the window are then mere offsets into the patch, where an im2col matrix would fetch every pixel
// kernel_height * kernel_width times from the second-level cache. Rows of the patch are pixels, an odd number of
// 16-byte units long: eight neighbouring pixels, as ldmatrix or a quarter warp reads them, lie in eight different bank
// groups.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/device/async_copy.h"
#include "kernels/device/divisor.h"
#include "kernels/device/pack.h"
#include "kernels/math/activation.h"
#include "kernels/math/bf16.h"

namespace plait::conv {

constexpr std::size_t most_shared_bytes = 227 * 1024;  // a block, sm_90

constexpr std::int64_t round_up(std::int64_t x, std::int64_t step) {
  return (x + step - 1) / step * step;
}

// Elements between rows of a shared matrix whose rows hold `count` elements: whole 16-byte units, an odd number of
// them.
template <class T>
constexpr int odd_pitch(int count) {
  constexpr int pack = device::Pack<T>::size;
  return ((count + pack - 1) / pack | 1) * pack;
}

// NHWC images in memory.
struct Images {
  std::int64_t stride = 0;  // elements between images
  int batch = 0, height = 0, width = 0, channels = 0;
};

struct Pixel {
  int n, h, w;
};

// Tiles of output pixels, fastest first: along w, along h, along n.
struct PixelTiles {
  int wide_bits = 0, high_bits = 0, image_bits = 0;  // log2 of a tile's sides
  int count = 0;
  device::Divisor along_w, along_h;        // how many tiles
  device::Divisor patch_wide, patch_high;  // pixels of the patch under one image of a tile

  __device__ __forceinline__ Pixel origin(int tile) const {
    const int w = along_w.split(tile), h = along_h.split(tile);
    return {tile << image_bits, h << high_bits, w << wide_bits};
  }
  // Pixel m of a tile, relative to the tile's origin.
  __device__ __forceinline__ Pixel inside(int m) const {
    return {m >> (wide_bits + high_bits), m >> wide_bits & ((1 << high_bits) - 1), m & ((1 << wide_bits) - 1)};
  }
  // Its place in the patch, for the window's first tap.
  __device__ __forceinline__ int in_patch(int m) const {
    const Pixel at = inside(m);
    return (at.n * patch_high.value() + at.h) * patch_wide.value() + at.w;
  }
  PLAIT_HD int patch_pixels() const { return patch_high.value() * patch_wide.value() << image_bits; }
};

// Tiles of `pixels` (a power of two) that cover the outputs with the fewest pixels, computed and staged. A patch serves
// window_high x window_wide taps.
inline PixelTiles choose_tiles(int pixels, std::int64_t batch, std::int64_t high, std::int64_t wide,
                               std::int64_t window_high, std::int64_t window_wide) {
  const auto tiles = [](std::int64_t count, int bits) { return ((count - 1) >> bits) + 1; };
  int bits = 0;
  while (1 << bits < pixels) ++bits;
  PixelTiles best;
  std::int64_t least = -1;
  for (int w = bits; w >= 0; --w) {
    for (int h = bits - w; h >= 0; --h) {
      const int n = bits - w - h;
      const std::int64_t count = tiles(batch, n) * tiles(high, h) * tiles(wide, w);
      const std::int64_t patch_high = (1 << h) + window_high - 1, patch_wide = (1 << w) + window_wide - 1;
      const std::int64_t cost = count * (pixels + ((patch_high * patch_wide) << n));
      if (least >= 0 && cost >= least) continue;
      least = cost;
      best = {w,
              h,
              n,
              static_cast<int>(count),
              device::Divisor(tiles(wide, w)),
              device::Divisor(tiles(high, h)),
              device::Divisor(patch_wide),
              device::Divisor(patch_high)};
    }
  }
  return best;
}

// For each unit of `width` channels that this thread owns in a shared matrix [pixel][channel] of high x wide pixels an
// image, seen from `corner` on and holding the channels [first, first + channels): f(element, offset, inside), its
// place in the matrix, its place in the images (0 outside of them), and whether there is such a place.
template <int threads, int width, class F>
__device__ __forceinline__ void each_unit(const Images& images, int pixels, const device::Divisor& high,
                                          const device::Divisor& wide, const device::Divisor& channels, int pitch,
                                          Pixel corner, int first, const F& f) {
  for (int e = static_cast<int>(threadIdx.x) * width; e < pixels * channels.value(); e += threads * width) {
    int q = e;
    const int c = channels.split(q), element = q * pitch + c;
    const int w = corner.w + wide.split(q), h = corner.h + high.split(q), n = corner.n + q;
    const bool inside = n < images.batch && static_cast<unsigned>(h) < static_cast<unsigned>(images.height) &&
                        static_cast<unsigned>(w) < static_cast<unsigned>(images.width) && first + c < images.channels;
    const std::int64_t offset = n * images.stride + (std::int64_t{h} * images.width + w) * images.channels + first + c;
    f(element, inside ? offset : 0, inside);
  }
}

// One unit, global to shared: asynchronously where it is a whole pack. Zeros where it is not inside.
template <int width, class T>
__device__ __forceinline__ void copy_unit(T* shared, const T* global, bool inside) {
  if constexpr (width == device::Pack<T>::size)
    device::async_copy_16(shared, global, inside ? 16 : 0);
  else if constexpr (sizeof(T) == 4)
    device::async_copy_4(shared, global, inside ? 4 : 0);
  else
    *shared = inside ? *global : T{};
}

// Gradient behind the activation to gradient in front of it, in place, `width` values.
template <int width, class T>
__device__ __forceinline__ void through_activation(Activation activation, const T* y, T* dy) {
  struct alignas(width * sizeof(T)) Unit {
    T value[width];
  };
  const Unit outputs = *reinterpret_cast<const Unit*>(y);
  Unit gradients = *reinterpret_cast<const Unit*>(dy);
  const auto apply = [&](Activation known) {
    PLAIT_UNROLL
    for (int i = 0; i < width; ++i)
      gradients.value[i] =
          from_float<T>(activation_gradient(known, to_float(outputs.value[i]), to_float(gradients.value[i])));
  };
  if (activation == Activation::relu)  // the usual one without a switch an element
    apply(Activation::relu);
  else
    apply(activation);
  *reinterpret_cast<Unit*>(dy) = gradients;
}

}  // namespace plait::conv
