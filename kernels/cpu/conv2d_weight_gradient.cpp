// dweight[k, r, s, c] = chain over (n, h, w) of fma(x[n, h + r - pad, w + s - pad, c], dz[n, h, w, k], .), and dbias
// the same chain with a one for x.
//
// The chain is long and may not be cut, so threads share the outputs, not the images: a register tile holds some
// (r, s, c) times some k and runs over the positions. Those come in chunks that fit the second-level cache: first all
// threads copy a chunk (x with its padding, dz = dy through the activation's gradient), then all threads run their
// tiles over it and park the partial chains in the workspace.
#include "kernels/cpu/conv2d_weight_gradient.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/read_gradient.h"
#include "kernels/cpu/tile.h"

namespace plait::cpu {
namespace {

template <class T>
struct Chunking {
  static constexpr std::int64_t bytes = 256 * 1024;

  std::int64_t channels = 0;  // out-channels, padded to whole vectors
  std::int64_t wide = 0;      // pixels in a row of the padded copy of x
  // Few channels: the rows that a window covers are laid side by side, [h][w][r][c], so that all its taps are
  // neighbours and one tile holds them. Otherwise [h][w][c], each row copied once and a tile holds taps of one r.
  bool interleaved = false;
  std::int64_t pixel = 0;        // elements from one pixel of the copy to the next
  std::int64_t rows = 0;         // output rows of one image in a chunk
  std::int64_t images = 0;       // images in a chunk; above 1 only where all rows fit
  std::int64_t image_size = 0;   // elements of one image's part of the copy
  std::int64_t tile_groups = 0;  // sets of neighbouring taps ...
  std::int64_t group_taps = 0;   // ... and their number, times in-channels

  explicit Chunking(const Conv2dParams& p) {
    const std::int64_t lanes = tile_kernels<T>(isa()).lanes, size = sizeof(T);
    channels = ceil_div(p.out_channels, lanes) * lanes;
    wide = p.out_width() + p.kernel_width - 1;
    interleaved = p.in_channels <= 4;
    pixel = p.in_channels * (interleaved ? p.kernel_height : 1);
    tile_groups = interleaved ? 1 : p.kernel_height;
    group_taps = p.kernel_width * pixel;
    const std::int64_t row_bytes = std::max<std::int64_t>(1, (wide * pixel + p.out_width() * channels) * size);
    rows = std::clamp<std::int64_t>(bytes / row_bytes, 1, p.out_height());
    images = rows < p.out_height() ? 1 : std::clamp<std::int64_t>(bytes / (row_bytes * rows), 1, p.batch);
    image_size = (rows + halo(p)) * wide * pixel;
  }
  std::int64_t halo(const Conv2dParams& p) const { return interleaved ? 0 : p.kernel_height - 1; }
};

template <class T>
struct Scratch {
  T* x;                     // padded copy of a chunk of x
  T* dz;                    // [image][h][w][channels]
  T* weight;                // partial chains [group][tap, c][channels]
  T* bias;                  // [channels]
  std::ptrdiff_t* segment;  // where each output row of the chunk starts in x

  std::size_t bytes = 0;
  // Without a workspace only `bytes` is of use.
  Scratch(const Conv2dParams& p, const Chunking<T>& c, void* workspace) {
    take(workspace, x, c.images * c.image_size);
    take(workspace, dz, c.images * c.rows * p.out_width() * c.channels);
    take(workspace, weight, c.tile_groups * c.group_taps * c.channels);
    take(workspace, bias, c.channels);
    take(workspace, segment, c.images * c.rows);
  }

 private:
  template <class U>
  void take(void* workspace, U*& slice, std::int64_t count) {
    slice = workspace == nullptr ? nullptr : reinterpret_cast<U*>(static_cast<char*>(workspace) + bytes);
    bytes += aligned_bytes<U>(count);
  }
};

// Row `h` of image n of x, zeros around it, one pixel every `pixel` elements.
template <class T>
void copy_padded_row(const Conv2dParams& p, const T* x, std::int64_t n, std::int64_t h, std::int64_t wide,
                     std::int64_t pixel, T* to) {
  const std::int64_t C = p.in_channels;
  const bool outside = h < 0 || h >= p.height;
  const std::int64_t left = outside ? wide : std::clamp<std::int64_t>(p.pad, 0, wide);
  const std::int64_t right = outside ? wide : std::clamp<std::int64_t>(p.width + p.pad, left, wide);
  const T* from = x + n * p.x_stride + (h * p.width - p.pad) * C;
  if (pixel == C) {
    std::fill_n(to, left * C, T(0));
    if (right > left)
      std::memcpy(to + left * C, from + left * C, static_cast<std::size_t>((right - left) * C) * sizeof(T));
    std::fill_n(to + right * C, (wide - right) * C, T(0));
    return;
  }
  const auto spread = [&](auto channels) {  // a constant: the inner loop disappears
    for (std::int64_t w = 0; w < left; ++w) std::fill_n(to + w * pixel, channels, T(0));
    for (std::int64_t w = left; w < right; ++w) {
      for (std::int64_t c = 0; c < channels; ++c) to[w * pixel + c] = from[w * C + c];
    }
    for (std::int64_t w = right; w < wide; ++w) std::fill_n(to + w * pixel, channels, T(0));
  };
  if (C == 1) return spread(std::integral_constant<std::int64_t, 1>{});
  if (C == 3) return spread(std::integral_constant<std::int64_t, 3>{});
  spread(C);
}

template <class T>
void copy_chunk(const Conv2dParams& p, const Chunking<T>& c, const Scratch<T>& to, const T* x, const T* y, const T* dy,
                std::int64_t n0, std::int64_t images, std::int64_t h0, std::int64_t rows) {
  const std::int64_t K = p.out_channels, W = p.out_width(), copied = rows + c.halo(p);
  parallel_for(images * copied, grain_of(4 * W * c.channels), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t image = item / copied, n = n0 + image, h = item % copied;
      T* row = to.x + image * c.image_size + h * c.wide * c.pixel;
      if (c.interleaved) {
        for (std::int64_t r = 0; r < p.kernel_height; ++r) {
          copy_padded_row(p, x, n, h0 + h + r - p.pad, c.wide, c.pixel, row + r * p.in_channels);
        }
      } else {
        copy_padded_row(p, x, n, h0 + h - p.pad, c.wide, c.pixel, row);
      }
      if (h >= rows) continue;
      const std::int64_t from = n * p.y_stride + (h0 + h) * W * K;
      T* dz = to.dz + (image * rows + h) * W * c.channels;
      if (K == c.channels) {
        read_gradient(p.activation, y + from, dy + from, W * K, dz);
      } else {
        for (std::int64_t w = 0; w < W; ++w) {
          read_gradient(p.activation, y + from + w * K, dy + from + w * K, K, dz + w * c.channels);
          std::fill_n(dz + w * c.channels + K, c.channels - K, T(0));
        }
      }
    }
  });
}

// Tap (and channel) `i` of group g is element (r, s, c) of the weight: its offset there.
template <class T>
std::int64_t offset_in_weight(const Conv2dParams& p, const Chunking<T>& chunking, std::int64_t g, std::int64_t i) {
  if (!chunking.interleaved) return g * p.kernel_width * p.in_channels + i;
  const std::int64_t c = i % p.in_channels, r = i / p.in_channels % p.kernel_height, s = i / chunking.pixel;
  return (r * p.kernel_width + s) * p.in_channels + c;
}

}  // namespace

template <class T>
std::size_t conv2d_weight_gradient_workspace_bytes(const Conv2dParams& p) {
  return Scratch<T>(p, Chunking<T>(p), nullptr).bytes;
}

template <class T>
void conv2d_weight_gradient(const Conv2dParams& p, const T* x, const T* y, const T* dy, GradSlice<T> weight,
                            GradSlice<T> bias, void* workspace) {
  const TileKernels<T>& tiles = tile_kernels<T>(isa());
  const Chunking<T> chunking(p);
  const Scratch<T> scratch(p, chunking, workspace);
  const std::int64_t K = p.out_channels, channels = chunking.channels, width = tiles.width();
  const bool want_weight = weight.mode != GradMode::ignore, want_bias = bias.mode != GradMode::ignore;

  std::fill_n(scratch.weight, chunking.tile_groups * chunking.group_taps * channels, T(0));
  std::fill_n(scratch.bias, channels, T(0));
  // The chains start from the old values, or end in the gradients.
  const auto each_weight = [&](const auto& f) {
    for (std::int64_t g = 0; g < chunking.tile_groups; ++g) {
      for (std::int64_t i = 0; i < chunking.group_taps; ++i) {
        T* chains = scratch.weight + (g * chunking.group_taps + i) * channels;
        T* at = weight.data + offset_in_weight(p, chunking, g, i);
        for (std::int64_t k = 0; k < K; ++k) f(chains[k], at[k * p.weight_stride]);
      }
    }
  };
  if (weight.mode == GradMode::accumulate) each_weight([](T& chain, const T& old) { chain = old; });
  if (bias.mode == GradMode::accumulate) std::copy_n(bias.data, K, scratch.bias);

  const std::int64_t rows =
      even_part(chunking.group_taps, tiles.most_rows[channels <= tiles.lanes ? 0 : tiles.vectors - 1]);
  const std::int64_t parts = ceil_div(chunking.group_taps, rows), panels = ceil_div(channels, width);
  const std::int64_t weight_items = want_weight ? chunking.tile_groups * parts * panels : 0;
  const std::int64_t items = weight_items + (want_bias ? panels : 0);
  const T one = 1;

  // Where the next chunk begins. An item asks for one cache line of it per position while it runs.
  struct Ahead {
    const T *dy = nullptr, *y = nullptr, *x = nullptr;
  };
  const auto ask_ahead = [&](Tile<T>& t, std::int64_t item, const Ahead& ahead) {
    constexpr std::int64_t line = 64 / sizeof(T);
    const std::int64_t lines = ceil_div(K, line), x_lines = ceil_div(p.in_channels, line);
    const auto ask = [&](const T* from, std::int64_t count, std::int64_t stride) {
      if (from != nullptr && item >= 0 && item < count) {
        t.ahead = from + item * line;
        t.ahead_stride = stride;
      }
      item -= count;
    };
    ask(ahead.dy, lines, K);
    if (p.activation != Activation::identity) ask(ahead.y, lines, K);
    ask(ahead.x, x_lines, p.in_channels);
  };
  const auto run = [&](std::int64_t item, std::int64_t segments, const Ahead& ahead) {
    const bool is_bias = item >= weight_items;
    const std::int64_t panel = is_bias ? item - weight_items : item % panels;
    const std::int64_t group = item / panels / parts, i0 = item / panels % parts * rows;
    const std::int64_t count = is_bias ? 1 : std::min(rows, chunking.group_taps - i0);
    Tile<T> t;
    t.segments = segments;
    t.length = p.out_width();
    t.b = scratch.dz + panel * width;
    t.b_stride = channels;
    t.c_stride = channels;
    t.columns = std::min(width, channels - panel * width);
    t.resume = true;
    ask_ahead(t, item, ahead);
    if (is_bias) {
      t.a = &one;
      t.c = scratch.bias + panel * width;
    } else {
      t.segment = scratch.segment;
      t.a = scratch.x + (chunking.interleaved ? 0 : group * chunking.wide * chunking.pixel) + i0;
      t.a_stride = chunking.pixel;
      t.c = scratch.weight + (group * chunking.group_taps + i0) * channels + panel * width;
    }
    tiles.columns[ceil_div(t.columns, tiles.lanes) - 1][count - 1](t);
  };

  for (std::int64_t n0 = 0; n0 < p.batch; n0 += chunking.images) {
    const std::int64_t images = std::min(chunking.images, p.batch - n0);
    for (std::int64_t h0 = 0; h0 < p.out_height(); h0 += chunking.rows) {
      const std::int64_t high = std::min(chunking.rows, p.out_height() - h0), segments = images * high;
      copy_chunk(p, chunking, scratch, x, y, dy, n0, images, h0, high);
      for (std::int64_t s = 0; s < segments; ++s) {
        scratch.segment[s] = s / high * chunking.image_size + s % high * chunking.wide * chunking.pixel;
      }
      const bool same_image = h0 + high < p.out_height();
      const std::int64_t n1 = same_image ? n0 : n0 + images, h1 = same_image ? h0 + high : 0;
      Ahead ahead;
      if (n1 < p.batch) {
        const std::int64_t from = n1 * p.y_stride + h1 * p.out_width() * K;
        ahead = {dy + from, y + from, x + n1 * p.x_stride + h1 * p.width * p.in_channels};
      }
      parallel_for(items, grain_of(rows * width * segments * p.out_width()), [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t item = begin; item < end; ++item) run(item, segments, ahead);
      });
    }
  }

  if (want_weight) each_weight([](const T& chain, T& gradient) { gradient = chain; });
  if (want_bias) std::copy_n(scratch.bias, K, bias.data);
}

template <class T>
void conv2d_no_gradient(const Conv2dParams& p, const Conv2dGradients<T>& gradients) {
  const auto clear = [](const GradSlice<T>& slice, std::int64_t rows, std::int64_t row, std::int64_t stride) {
    if (slice.mode != GradMode::overwrite) return;
    for (std::int64_t i = 0; i < rows; ++i) std::fill_n(slice.data + i * stride, row, T(0));
  };
  clear(gradients.x, p.batch, p.height * p.width * p.in_channels, p.x_stride);
  clear(gradients.weight, p.out_channels, p.kernel_height * p.kernel_width * p.in_channels, p.weight_stride);
  clear(gradients.bias, 1, p.out_channels, 0);
}

template std::size_t conv2d_weight_gradient_workspace_bytes<float>(const Conv2dParams&);
template std::size_t conv2d_weight_gradient_workspace_bytes<double>(const Conv2dParams&);
template void conv2d_weight_gradient(const Conv2dParams&, const float*, const float*, const float*, GradSlice<float>,
                                     GradSlice<float>, void*);
template void conv2d_weight_gradient(const Conv2dParams&, const double*, const double*, const double*,
                                     GradSlice<double>, GradSlice<double>, void*);
template void conv2d_no_gradient(const Conv2dParams&, const Conv2dGradients<float>&);
template void conv2d_no_gradient(const Conv2dParams&, const Conv2dGradients<double>&);

}  // namespace plait::cpu
