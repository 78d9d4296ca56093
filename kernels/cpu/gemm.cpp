// The blocked matrix product over the register tile (tile.h). Two ways to work, same chains, same bits:
//
//   upright   a is packed once, shared; every thread packs its own panels of b, 32 KiB at a time, on its stack and
//             multiplies all of a with them while they stay in the first-level cache.
//   crosswise for a batch small against b = weight[n, k]: transposing b would cost as much as the product, so b's
//             elements are broadcast straight from where they lie (read once), a is packed, and the small result is
//             transposed on its way out.
#include "kernels/cpu/gemm.h"

#include <algorithm>

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/finish_rows.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/tile.h"

namespace plait::cpu {
namespace {

constexpr std::int64_t block_k = 256;            // steps of k that a panel on the stack holds at most
constexpr std::int64_t panel_bytes = 32 * 1024;  // ... and its bytes
constexpr std::int64_t stream_bytes = 16 << 20;  // results larger than this bypass the caches

// Streamed stores are not ordered with the others: before another thread may read them, this.
void finish_streaming() {
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
}

// packed[strip][k][row of the strip]
template <class T>
void pack_strips(const GemmParams& p, const T* a, T* packed, std::int64_t rows, const TileKernels<T>& tiles) {
  constexpr std::int64_t chunk = 16;  // rows of a transposed a: read along, spread over the strips
  if (p.a_transposed) {
    parallel_for(ceil_div(p.k, chunk), grain_of(chunk * p.m * 8), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k0 = begin * chunk; k0 < std::min(p.k, end * chunk); k0 += chunk) {
        for (std::int64_t m0 = 0; m0 < p.m; m0 += rows) {
          tiles.copy(a + k0 * p.a_stride + m0, p.a_stride, std::min(chunk, p.k - k0), std::min(rows, p.m - m0),
                     packed + m0 * p.k + k0 * rows, rows);
        }
      }
    });
  } else {
    parallel_for(ceil_div(p.m, rows), grain_of(rows * p.k * 8), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t m0 = begin * rows; m0 < std::min(p.m, end * rows); m0 += rows) {
        tiles.transpose(a + m0 * p.a_stride, p.a_stride, std::min(rows, p.m - m0), p.k, packed + m0 * p.k, rows);
      }
    });
  }
}

template <class T>
void upright(const GemmParams& p, const T* a, const T* b, const T* bias, T* c, T* packed, const TileKernels<T>& tiles) {
  constexpr std::int64_t bytes = sizeof(T), capacity = panel_bytes / bytes, line = 64 / bytes;
  const std::int64_t width = tiles.width();
  const std::int64_t rows = even_part(p.m, tiles.most_rows[p.n <= tiles.lanes ? 0 : tiles.vectors - 1]);
  const std::int64_t strips = ceil_div(p.m, rows);
  // With few rows b comes from memory: short blocks, so that wide pieces of its rows are read.
  const std::int64_t kc = even_part(p.k, p.m <= 128 ? block_k / 4 : block_k);
  const std::int64_t blocks = std::max<std::int64_t>(1, ceil_div(p.k, kc));
  const std::int64_t panels = std::min<std::int64_t>(8, capacity / (kc * width));  // worked off side by side
  const std::int64_t group = panels * width;
  const bool late_activation = p.activation == Activation::sigmoid || p.activation == Activation::tanh;
  const bool stream = !p.accumulate && blocks == 1 && !late_activation && p.m * p.n * bytes >= stream_bytes &&
                      reinterpret_cast<std::uintptr_t>(c) % 64 == 0 && p.c_stride % line == 0;
  // Small operands are read where they lie: packing pays only when the copy is used often.
  const bool direct_a = p.n <= 4 * width && p.m <= 128 && (p.a_transposed || p.a_stride * bytes % 4096 != 0);
  const bool direct_b = !p.b_transposed && strips <= 5 && p.n * p.k * bytes <= (1 << 17);
  const bool by_rows = direct_a && !p.a_transposed;
  if (!direct_a) pack_strips(p, a, packed, rows, tiles);

  const auto work = [&](std::int64_t j0, std::int64_t strip0, std::int64_t strip1) {
    alignas(64) T panel[capacity];
    const std::int64_t columns = std::min(group, p.n - j0);
    for (std::int64_t block = 0; block < blocks; ++block) {
      const std::int64_t k0 = block * kc, steps = std::min(kc, p.k - k0);
      const T* source = b + (p.b_transposed ? j0 * p.b_stride + k0 : k0 * p.b_stride + j0);
      const auto in_place = [&](std::int64_t j) { return direct_b && j + width <= columns; };
      for (std::int64_t j = 0; j < columns; j += width) {
        const std::int64_t count = std::min(width, columns - j);
        T* to = panel + j * kc;
        if (in_place(j)) continue;
        if (!p.b_transposed) {
          tiles.copy(source + j, p.b_stride, steps, count, to, width);
        } else {
          if (count < width) std::fill(to, to + steps * width, T(0));
          tiles.transpose(source + j * p.b_stride, p.b_stride, count, steps, to, width);
        }
      }
      const bool last = block == blocks - 1;
      const T* next = p.b_transposed || direct_b ? nullptr
                      : !last                    ? source + kc * p.b_stride
                      : j0 + group < p.n         ? b + j0 + group
                                                 : nullptr;
      for (std::int64_t s = strip0; s < strip1; ++s) {
        const std::int64_t m0 = s * rows, count = std::min(rows, p.m - m0);
        for (std::int64_t j = 0; j < columns; j += width) {
          Tile<T> t;
          t.length = steps;
          t.a = !direct_a        ? packed + m0 * p.k + k0 * rows
                : p.a_transposed ? a + k0 * p.a_stride + m0
                                 : a + m0 * p.a_stride + k0;
          t.a_stride = direct_a ? p.a_stride : rows;
          t.b = in_place(j) ? source + j : panel + j * kc;
          t.b_stride = in_place(j) ? p.b_stride : width;
          t.c = c + m0 * p.c_stride + j0 + j;
          t.c_stride = p.c_stride;
          t.columns = std::min(width, columns - j);
          t.resume = p.accumulate || block > 0;
          t.relu = last && p.activation == Activation::relu;
          t.bias = last && bias != nullptr ? bias + j0 + j : nullptr;
          t.stream = stream && t.columns == width;
          if (next != nullptr && (s - strip0) * line < width) {  // one cache line of a panel's row a strip
            t.ahead = next + j + (s - strip0) * line;
            t.ahead_stride = p.b_stride;
          }
          const auto* run = by_rows ? tiles.rows : tiles.columns;
          run[ceil_div(t.columns, tiles.lanes) - 1][count - 1](t);
          if (last && late_activation) {
            finish_rows<T>(t.c, t.c_stride, count, t.columns, nullptr, p.activation);
          }
        }
      }
    }
    if (stream) finish_streaming();
  };
  // Items: (group of panels, strip of rows), so that a thread's share is even and it packs a panel once.
  parallel_for(ceil_div(p.n, group) * strips, grain_of(rows * group * p.k), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end;) {
      const std::int64_t strip = item % strips, next = std::min(strips, strip + end - item);
      work(item / strips * group, strip, next);
      item += next - strip;
    }
  });
}

template <class T>
void crosswise(const GemmParams& p, const T* a, const T* b, const T* bias, T* c, T* packed,
               const TileKernels<T>& tiles) {
  const std::int64_t width = tiles.width(), panels = ceil_div(p.m, width);
  const std::int64_t kc = even_part(p.k, block_k);
  const std::int64_t blocks = std::max<std::int64_t>(1, ceil_div(p.k, kc));

  // packed[block of k][panel][k][row of a]
  parallel_for(panels * blocks, grain_of(width * kc * 8), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t k0 = item / panels * kc, steps = std::min(kc, p.k - k0);
      const std::int64_t m0 = item % panels * width, count = std::min(width, p.m - m0);
      T* to = packed + panels * width * k0 + item % panels * width * steps;
      if (count < width) std::fill(to, to + width * steps, T(0));
      tiles.transpose(a + m0 * p.a_stride + k0, p.a_stride, count, steps, to, width);
    }
  });

  // A thread's columns of c, some at a time: chains of all blocks of k in `result`, transposed out at the end.
  constexpr std::int64_t capacity = panel_bytes / static_cast<std::int64_t>(sizeof(T));
  const std::int64_t side = std::min<std::int64_t>(panels, 4) * width;  // columns of result: rows of a
  const std::int64_t most = std::min<std::int64_t>(64, capacity / side);
  const auto work = [&](std::int64_t n0, std::int64_t columns, std::int64_t m0) {
    alignas(64) T result[capacity];
    const std::int64_t across = std::min(side, p.m - m0);
    const std::int64_t rows = even_part(columns, tiles.most_rows[across <= tiles.lanes ? 0 : tiles.vectors - 1]);
    for (std::int64_t block = 0; block < blocks; ++block) {
      const std::int64_t k0 = block * kc, steps = std::min(kc, p.k - k0);
      for (std::int64_t r = 0; r < columns; r += rows) {
        for (std::int64_t j = 0; j < across; j += width) {
          Tile<T> t;
          t.length = steps;
          t.a = b + (n0 + r) * p.b_stride + k0;
          t.a_stride = p.b_stride;
          t.b = packed + panels * width * k0 + (m0 + j) * steps;
          t.b_stride = width;
          t.c = result + r * side + j;
          t.c_stride = side;
          t.columns = std::min(width, across - j);
          t.resume = block > 0;
          tiles.rows[ceil_div(t.columns, tiles.lanes) - 1][std::min(rows, columns - r) - 1](t);
        }
      }
    }
    finish_rows(result, side, columns, across, bias != nullptr ? bias + n0 : nullptr, p.activation);
    tiles.transpose(result, side, columns, across, c + m0 * p.c_stride + n0, p.c_stride);
  };
  parallel_for(p.n, std::max<std::int64_t>(8, grain_of(p.m * p.k)), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n0 = begin; n0 < end; n0 += most) {
      for (std::int64_t m0 = 0; m0 < p.m; m0 += side) work(n0, std::min(most, end - n0), m0);
    }
  });
}

}  // namespace

template <class T>
std::size_t gemm_workspace_bytes(const GemmParams& p) {
  return aligned_bytes<T>((p.m + 32) * p.k);
}

template <class T>
void gemm(const GemmParams& p, const T* a, const T* b, const T* bias, T* c, void* workspace) {
  if (p.m == 0 || p.n == 0) return;
  const TileKernels<T>& tiles = tile_kernels<T>(isa());
  T* packed = static_cast<T*>(workspace);
  if (!p.accumulate && !p.a_transposed && p.b_transposed && p.m <= 128 && 2 * p.k >= 3 * p.m) {
    crosswise(p, a, b, bias, c, packed, tiles);
  } else {
    upright(p, a, b, bias, c, packed, tiles);
  }
}

template std::size_t gemm_workspace_bytes<float>(const GemmParams&);
template std::size_t gemm_workspace_bytes<double>(const GemmParams&);
template void gemm(const GemmParams&, const float*, const float*, const float*, float*, void*);
template void gemm(const GemmParams&, const double*, const double*, const double*, double*, void*);

}  // namespace plait::cpu
