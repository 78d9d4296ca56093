// The loop shared by the convolution's forward pass and its input gradient: every output pixel is a row of the register
// tile, its out-channels are the columns, and the taps are read out of a small zero-padded copy of the input's rows
// that lives on the thread's stack. No im2col buffer exists.
//
//   out[n, h, w, j] = chain over (r, s, i) of in[n, h + r' - pad, w + s' - pad, i] * weight(r, s, i, j)
//   r' = r, s' = s forward; r' = rows - 1 - r, s' = columns - 1 - s where the taps are mirrored (input gradient).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/finish_rows.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/tile.h"
#include "kernels/math/activation.h"

namespace plait::cpu {

struct Correlation {
  std::int64_t batch = 0, in_height = 0, in_width = 0, in_channels = 0;
  std::int64_t out_height = 0, out_width = 0, out_channels = 0;
  std::int64_t taps_high = 0, taps_wide = 0;
  std::int64_t pad_top = 0, pad_left = 0;  // negative where the input is larger than needed
  std::int64_t out_stride = 0;             // elements between images
  bool mirrored = false;
  bool accumulate = false;
  Activation activation = Activation::identity;
};

template <class T>
struct CorrelationBlock {
  static constexpr std::int64_t capacity = 48 * 1024 / static_cast<std::int64_t>(sizeof(T));

  std::int64_t rows = 0, columns = 0;  // output pixels that one padded copy serves
  std::int64_t width = 0;              // pixels in a row of the copy
  std::int64_t segments = 0, length = 0;
  bool staged = false;  // false: so many channels that the taps are copied one by one

  CorrelationBlock(const Correlation& q, const TileKernels<T>& tiles) {
    const std::int64_t most = tiles.most_rows[q.out_channels <= tiles.lanes ? 0 : tiles.vectors - 1];
    const std::int64_t pixels = capacity / std::max<std::int64_t>(1, q.in_channels);
    const std::int64_t fit = pixels / q.taps_high - (q.taps_wide - 1);
    staged = fit >= std::min<std::int64_t>(q.out_width, 6);
    if (!staged) return;
    // Whole rows, else a multiple of the tile's rows.
    columns = fit >= q.out_width ? q.out_width : fit > most ? fit / most * most : fit;
    width = columns + q.taps_wide - 1;
    rows = even_part(q.out_height,
                     std::clamp<std::int64_t>(pixels / width - (q.taps_high - 1), 1, q.batch >= 16 ? 16 : 8));
    segments = q.mirrored ? q.taps_high * q.taps_wide : q.taps_high;
    length = q.mirrored ? q.in_channels : q.taps_wide * q.in_channels;
  }

  void offsets(const Correlation& q, std::ptrdiff_t* to) const {
    for (std::int64_t s = 0; s < segments; ++s) {
      to[s] = !q.mirrored
                  ? s * width * q.in_channels
                  : ((q.taps_high - 1 - s / q.taps_wide) * width + q.taps_wide - 1 - s % q.taps_wide) * q.in_channels;
    }
  }
};

// weight: packed[panel][r][s][i][column of the panel]. offsets: scratch for taps_high * taps_wide of them.
// read(n, element, count, to) copies in[n] from its `element`-th element on; ask(n, element) asks for its cache line.
template <class T, class Read, class Ask>
void correlate(const Correlation& q, const Read& read, const Ask& ask, const T* weight, const T* bias, T* out,
               std::ptrdiff_t* offsets, const TileKernels<T>& tiles) {
  constexpr std::int64_t capacity = CorrelationBlock<T>::capacity;
  const CorrelationBlock<T> block(q, tiles);
  const std::int64_t width = tiles.width(), I = q.in_channels, J = q.out_channels;
  const std::int64_t most = tiles.most_rows[J <= tiles.lanes ? 0 : tiles.vectors - 1];
  const std::int64_t panel_size = q.taps_high * q.taps_wide * I * width;
  const bool late = q.activation == Activation::sigmoid || q.activation == Activation::tanh;
  if (block.staged) block.offsets(q, offsets);

  // Pixels [w0, w0 + count) of input row h into `to`, zeros to the left and right of the image. Rows above and below it
  // are not read.
  const auto stage = [&](std::int64_t n, std::int64_t h, std::int64_t w0, std::int64_t count, T* to) {
    const std::int64_t left = std::clamp<std::int64_t>(-w0, 0, count);
    const std::int64_t inside = std::clamp<std::int64_t>(q.in_width - w0, left, count);
    if (h < 0 || h >= q.in_height) return;
    std::fill_n(to, left * I, T(0));
    if (inside > left) read(n, (h * q.in_width + w0 + left) * I, (inside - left) * I, to + left * I);
    std::fill_n(to + inside * I, (count - inside) * I, T(0));
  };
  const auto tile_of = [&](std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t j) {
    Tile<T> t;
    t.b_stride = width;
    t.c = out + n * q.out_stride + (h * q.out_width + w) * J + j;
    t.c_stride = J;
    t.columns = std::min(width, J - j);
    return t;
  };
  const auto finish = [&](Tile<T>& t, std::int64_t j) {
    t.relu = q.activation == Activation::relu;
    t.bias = bias == nullptr ? nullptr : bias + j;
  };
  const auto run = [&](const Tile<T>& t, std::int64_t rows, bool last) {
    tiles.rows[ceil_div(t.columns, tiles.lanes) - 1][rows - 1](t);
    if (last && late) finish_rows<T>(t.c, t.c_stride, rows, t.columns, nullptr, q.activation);
  };

  // Between tiles, the input rows [h, h + high) of image n are asked for, a part of `parts` at a time.
  constexpr std::int64_t line = 64 / static_cast<std::int64_t>(sizeof(T));
  const auto ask_rows = [&](std::int64_t n, std::int64_t h, std::int64_t high, std::int64_t part, std::int64_t parts) {
    const std::int64_t first = std::clamp<std::int64_t>(h, 0, q.in_height) * q.in_width * I;
    const std::int64_t lines = (std::clamp<std::int64_t>(h + high, 0, q.in_height) * q.in_width * I - first) / line;
    for (std::int64_t i = lines * part / parts; i < lines * (part + 1) / parts; ++i) ask(n, first + i * line);
  };

  // The item worked off next is at (n1, h1), or there is none.
  const auto staged = [&](std::int64_t n, std::int64_t h0, std::int64_t w0, std::int64_t n1, std::int64_t h1) {
    alignas(64) T copy[capacity];
    const std::int64_t high = std::min(block.rows, q.out_height - h0), wide = std::min(block.columns, q.out_width - w0);
    for (std::int64_t r = 0; r < high + q.taps_high - 1; ++r) {
      stage(n, h0 + r - q.pad_top, w0 - q.pad_left, wide + q.taps_wide - 1, copy + r * block.width * I);
    }
    const std::int64_t rows = even_part(wide, most);
    const std::int64_t per_row = block.segments / q.taps_high;
    for (std::int64_t h = 0; h < high; ++h) {
      // Rows of taps that fall outside the image are skipped.
      const std::int64_t first = std::clamp<std::int64_t>(q.pad_top - h0 - h, 0, q.taps_high);
      const std::int64_t end = std::clamp<std::int64_t>(q.in_height + q.pad_top - h0 - h, first, q.taps_high);
      const std::int64_t r0 = q.mirrored ? q.taps_high - end : first;
      if (n1 < q.batch) {
        const std::int64_t seen = n1 == n ? q.taps_high - 1 : 0;  // rows that this item reads too
        ask_rows(n1, h1 - q.pad_top + seen, block.rows + q.taps_high - 1 - seen, h, high);
      }
      for (std::int64_t w = 0; w < wide; w += rows) {
        for (std::int64_t j = 0; j < J; j += width) {
          Tile<T> t = tile_of(n, h0 + h, w0 + w, j);
          t.segments = (end - first) * per_row;
          t.segment = offsets + r0 * per_row;
          t.length = block.length;
          t.a = copy + (h * block.width + w) * I;
          t.a_stride = I;
          t.b = weight + j / width * panel_size + r0 * q.taps_wide * I * width;
          t.resume = q.accumulate;
          finish(t, j);
          run(t, std::min(rows, wide - w), true);
        }
      }
    }
  };

  // One tap and a part of its channels at a time.
  const auto tap_by_tap = [&](std::int64_t n, std::int64_t h, std::int64_t w0, std::int64_t count) {
    alignas(64) T copy[capacity];
    const std::int64_t part = std::min(I, capacity / most), taps = q.taps_high * q.taps_wide;
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      const std::int64_t seen = q.mirrored ? taps - 1 - tap : tap;
      const std::int64_t ih = h + seen / q.taps_wide - q.pad_top;
      for (std::int64_t i0 = 0; i0 < I; i0 += part) {
        const std::int64_t steps = std::min(part, I - i0);
        for (std::int64_t w = 0; w < count; ++w) {
          const std::int64_t iw = w0 + w + seen % q.taps_wide - q.pad_left;
          if (ih >= 0 && ih < q.in_height && iw >= 0 && iw < q.in_width) {
            read(n, (ih * q.in_width + iw) * I + i0, steps, copy + w * part);
          } else {
            std::fill_n(copy + w * part, steps, T(0));
          }
        }
        const bool last = tap == taps - 1 && i0 + steps == I;
        for (std::int64_t j = 0; j < J; j += width) {
          Tile<T> t = tile_of(n, h, w0, j);
          t.length = steps;
          t.a = copy;
          t.a_stride = part;
          t.b = weight + j / width * panel_size + (tap * I + i0) * width;
          t.resume = q.accumulate || tap > 0 || i0 > 0;
          if (last) finish(t, j);
          run(t, count, last);
        }
      }
    }
  };

  const std::int64_t rows = block.staged ? block.rows : 1, columns = block.staged ? block.columns : most;
  const std::int64_t high = ceil_div(q.out_height, rows), wide = ceil_div(q.out_width, columns);
  const std::int64_t steps = rows * columns * q.taps_high * q.taps_wide * I * (J + tiles.lanes);
  parallel_for(q.batch * high * wide, grain_of(steps), [&](std::int64_t begin, std::int64_t end) {
    const auto row_of = [&](std::int64_t item) { return item / wide % high * rows; };
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t n = item / wide / high, h = row_of(item), w = item % wide * columns, next = item + 1;
      if (block.staged) {
        staged(n, h, w, next < end && wide == 1 ? next / high : q.batch, row_of(next));
      } else {
        tap_by_tap(n, h, w, std::min(columns, q.out_width - w));
      }
    }
  });
}

}  // namespace plait::cpu
