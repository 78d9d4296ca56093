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
#include <type_traits>

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
  // First pixel of 2x2 window m of a tile with even sides.
  __device__ __forceinline__ Pixel window(int m) const {
    const int w = wide_bits - 1, h = high_bits - 1;
    return {m >> (w + h), (m >> w & ((1 << h) - 1)) * 2, (m & ((1 << w) - 1)) * 2};
  }
  PLAIT_HD int patch_pixels() const { return patch_high.value() * patch_wide.value() << image_bits; }
};

// Tiles of `pixels` (a power of two) that cover the outputs with the fewest pixels, computed and staged. A patch serves
// window_high x window_wide taps; sides along h and w are at least 2^least_bits.
inline PixelTiles choose_tiles(int pixels, std::int64_t batch, std::int64_t high, std::int64_t wide,
                               std::int64_t window_high, std::int64_t window_wide, int least_bits = 0) {
  const auto tiles = [](std::int64_t count, int bits) { return ((count - 1) >> bits) + 1; };
  int bits = 0;
  while (1 << bits < pixels) ++bits;
  PixelTiles best;
  std::int64_t least = -1;
  for (int w = bits - least_bits; w >= least_bits; --w) {
    for (int h = bits - w; h >= least_bits; --h) {
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

// A matrix [pixel][channel] in shared memory that shows images from `corner` on: high x wide pixels an image, the
// channels [first, first + channels), zeros outside the images.
struct View {
  Pixel corner;
  int first = 0, pixels = 0, pitch = 0;
  device::Divisor high, wide, channels;

  struct Unit {
    int element;          // in the matrix
    std::int64_t offset;  // in the images; 0 outside
    bool inside;
  };
  // The unit of channels that begins at channel e % channels of pixel e / channels.
  __device__ __forceinline__ Unit unit(const Images& images, int e) const {
    const int c = channels.split(e), element = e * pitch + c;
    const int w = corner.w + wide.split(e), h = corner.h + high.split(e), n = corner.n + e;
    const bool inside = n < images.batch && static_cast<unsigned>(h) < static_cast<unsigned>(images.height) &&
                        static_cast<unsigned>(w) < static_cast<unsigned>(images.width) && first + c < images.channels;
    const std::int64_t offset = n * images.stride + (std::int64_t{h} * images.width + w) * images.channels + first + c;
    return {element, inside ? offset : 0, inside};
  }
  __device__ __forceinline__ int size() const { return pixels * channels.value(); }
};

__device__ __forceinline__ View patch_view(const PixelTiles& tiles, Pixel corner, int first,
                                           const device::Divisor& channels, int pitch) {
  return {corner, first, tiles.patch_pixels(), pitch, tiles.patch_high, tiles.patch_wide, channels};
}

// f(unit) for each unit of `width` channels that this thread owns.
template <int threads, int width, class F>
__device__ __forceinline__ void each_unit(const View& view, const Images& images, const F& f) {
  for (int e = static_cast<int>(threadIdx.x) * width; e < view.size(); e += threads * width) f(view.unit(images, e));
}

// One unit, global to shared: asynchronously, but for a single bf16, which cp.async cannot move. Zeros where not
// inside.
template <int width, class T>
__device__ __forceinline__ void copy_unit(T* shared, const T* global, bool inside) {
  if constexpr (width == device::Pack<T>::size)
    device::async_copy_16(shared, global, inside ? 16 : 0);
  else if constexpr (sizeof(T) == 4)
    device::async_copy_4(shared, global, inside ? 4 : 0);
  else
    *shared = inside ? *global : T{};
}

// All units of a view. Single elements that go through registers (bf16, or converted to U) go `ahead` at a time, so
// that their latencies overlap.
template <int threads, int width, int ahead = 4, class T, class U>
__device__ __forceinline__ void copy_view(const View& view, const Images& images, const T* from, U* to) {
  if constexpr (std::is_same_v<T, U> && (width > 1 || sizeof(T) == 4)) {
    each_unit<threads, width>(view, images, [&](const View::Unit& unit) {
      copy_unit<width>(to + unit.element, from + unit.offset, unit.inside);
    });
  } else {
    static_assert(width == 1);
    for (int e = static_cast<int>(threadIdx.x); e < view.size(); e += ahead * threads) {
      U value[ahead];
      int element[ahead];
      PLAIT_UNROLL
      for (int i = 0; i < ahead; ++i) {
        const View::Unit unit = view.unit(images, e + i * threads);
        element[i] = e + i * threads < view.size() ? unit.element : -1;
        value[i] = element[i] >= 0 && unit.inside ? from_float<U>(to_float(from[unit.offset])) : U{};
      }
      PLAIT_UNROLL
      for (int i = 0; i < ahead; ++i)
        if (element[i] >= 0) to[element[i]] = value[i];
    }
  }
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
