// The tile's kernels over a vector type V (vector_*.h). Included once by each tile_<isa>.cpp, after the compiler has
// been told the instruction set; everything here is a template over V, so no two files share a definition.
#pragma once

#include <algorithm>
#include <utility>

#include "kernels/cpu/tile.h"

namespace plait::cpu::detail {

// f(0) ... f(N-1), unrolled whatever N is: the accumulators must become registers.
template <int N, class F>
[[gnu::always_inline]] inline void unroll(const F& f) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (f(std::integral_constant<int, I>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

template <class V, int R, int N, bool by_rows>
void run_tile(const Tile<typename V::Element>& t) {
  using T = typename V::Element;
  using Vector = typename V::Vector;
  constexpr int lanes = V::lanes;
  const auto last = V::mask(t.columns - (N - 1) * lanes);
  Vector c[R][N];

  unroll<R>([&](auto r) __attribute__((always_inline)) {
    unroll<N>([&](auto v) __attribute__((always_inline)) {
      const T* from = t.c + r * t.c_stride + v * lanes;
      c[r][v] = !t.resume ? V::zero() : v == N - 1 ? V::load(last, from) : V::load(from);
    });
  });

  if (!t.resume && !t.stream) {  // the results' lines are on their way while k runs
    unroll<R>([&](auto r) __attribute__((always_inline)) {
      unroll<N>([&](auto v)
                    __attribute__((always_inline)) { __builtin_prefetch(t.c + r * t.c_stride + v * lanes, 1); });
    });
  }

  const T* b = t.b;
  const std::ptrdiff_t a_stride = t.a_stride, b_stride = t.b_stride;
  const T* ahead = t.ahead != nullptr ? t.ahead : t.b;
  for (std::int64_t s = 0; s < t.segments; ++s) {
    const T* a = t.a + (t.segment == nullptr ? 0 : t.segment[s]);
    for (std::int64_t k = t.length; k > 0; --k) {
      Vector bk[N];
      unroll<N>([&](auto v) __attribute__((always_inline)) { bk[v] = V::load(b + v * lanes); });
      unroll<R>([&](auto r) __attribute__((always_inline)) {
        const Vector ar = V::broadcast(by_rows ? a + r * a_stride : a + r);
        unroll<N>([&](auto v) __attribute__((always_inline)) { c[r][v] = V::fma(ar, bk[v], c[r][v]); });
      });
      if constexpr (!by_rows) {
        __builtin_prefetch(ahead, 0, 2);
        ahead += t.ahead_stride;
      }
      a += by_rows ? 1 : a_stride;
      b += b_stride;
    }
  }

  if (t.bias != nullptr) {
    unroll<N>([&](auto v) __attribute__((always_inline)) {
      const T* from = t.bias + v * lanes;
      const Vector bias = v == N - 1 ? V::load(last, from) : V::load(from);
      unroll<R>([&](auto r) __attribute__((always_inline)) { c[r][v] = V::add(c[r][v], bias); });
    });
  }
  if (t.relu) {
    unroll<R>([&](auto r) __attribute__((always_inline)) {
      unroll<N>([&](auto v) __attribute__((always_inline)) { c[r][v] = V::relu(c[r][v]); });
    });
  }
  if (t.stream) {
    unroll<R>([&](auto r) __attribute__((always_inline)) {
      unroll<N>([&](auto v) __attribute__((always_inline)) { V::stream(t.c + r * t.c_stride + v * lanes, c[r][v]); });
    });
    return;
  }
  unroll<R>([&](auto r) __attribute__((always_inline)) {
    unroll<N>([&](auto v) __attribute__((always_inline)) {
      T* to = t.c + r * t.c_stride + v * lanes;
      if constexpr (v == N - 1) {
        V::store(last, to, c[r][v]);
      } else {
        V::store(to, c[r][v]);
      }
    });
  });
}

template <class V>
void transpose(const typename V::Element* from, std::ptrdiff_t from_stride, std::int64_t rows, std::int64_t columns,
               typename V::Element* to, std::ptrdiff_t to_stride) {
  constexpr std::int64_t side = V::square;
  if (rows < side || columns < side) {
    for (std::int64_t c = 0; c < columns; ++c) {
      for (std::int64_t r = 0; r < rows; ++r) to[c * to_stride + r] = from[r * from_stride + c];
    }
    return;
  }
  // The last square of a ragged side overlaps its neighbour and writes the same values again.
  for (std::int64_t r = 0; r < rows; r += side) {
    r = std::min(r, rows - side);
    for (std::int64_t c = 0; c < columns; c += side) {
      c = std::min(c, columns - side);
      V::transpose_square(from + r * from_stride + c, from_stride, to + c * to_stride + r, to_stride);
    }
  }
}

template <class V>
void copy(const typename V::Element* from, std::ptrdiff_t from_stride, std::int64_t rows, std::int64_t columns,
          typename V::Element* to, std::int64_t width) {
  constexpr std::int64_t lanes = V::lanes;
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto* source = from + r * from_stride;
    auto* target = to + r * width;
    for (std::int64_t c = 0; c < width; c += lanes) {
      const auto inside = V::mask(columns - c);
      V::store(V::mask(width - c), target + c, V::load(inside, source + c));
    }
  }
}

template <class V, int N, bool by_rows, int... R>
const typename TileKernels<typename V::Element>::Run* table(std::integer_sequence<int, R...>) {
  static constexpr typename TileKernels<typename V::Element>::Run runs[] = {run_tile<V, R + 1, N, by_rows>...};
  return runs;
}

template <class V>
const TileKernels<typename V::Element>& kernels_of() {
  static const TileKernels<typename V::Element> kernels = [] {
    TileKernels<typename V::Element> k;
    k.lanes = V::lanes;
    k.vectors = V::vectors;
    k.most_rows[0] = V::most_rows_1;
    k.rows[0] = table<V, 1, true>(std::make_integer_sequence<int, V::most_rows_1>{});
    k.columns[0] = table<V, 1, false>(std::make_integer_sequence<int, V::most_rows_1>{});
    if constexpr (V::vectors == 2) {
      k.most_rows[1] = V::most_rows_2;
      k.rows[1] = table<V, 2, true>(std::make_integer_sequence<int, V::most_rows_2>{});
      k.columns[1] = table<V, 2, false>(std::make_integer_sequence<int, V::most_rows_2>{});
    }
    k.transpose = transpose<V>;
    k.copy = copy<V>;
    return k;
  }();
  return kernels;
}

}  // namespace plait::cpu::detail
