// The register tile under the GEMM and the convolution: a block of outputs held in registers while k runs, once for
// every instruction set.
//
//   c[i, j] = chain over k of fma(a(i, k), b[k, j], .)       i < rows, j < columns
//
// a is broadcast, b is a packed panel read as vectors along j, so no sum is ever split. k runs through `segments`
// pieces of `length` steps: a's pieces start at segment[s], b runs on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/isa.h"

namespace plait::cpu {

template <class T>
struct Tile {
  std::int64_t segments = 1, length = 0;
  const std::ptrdiff_t* segment = nullptr;  // offsets of the pieces in a; null: one piece at 0
  const T* a = nullptr;
  std::ptrdiff_t a_stride = 0;  // "rows": between rows, k contiguous; "columns": between k steps, rows contiguous
  const T* b = nullptr;
  std::ptrdiff_t b_stride = 0;  // between k steps; every step holds whole vectors (padded with zeros)
  T* c = nullptr;
  std::ptrdiff_t c_stride = 0;
  std::int64_t columns = 0;  // columns of c that exist: the last vector may be cut
  bool resume = false;       // the chains start from c instead of zero
  bool relu = false;
  bool stream = false;      // store around the caches: whole vectors, c and c_stride aligned to the vector
  const T* bias = nullptr;  // [columns], added at the end; null: none
  // "columns" only: step k asks for the cache line at ahead + k ahead_stride, which the caller will need next. Null: b.
  const T* ahead = nullptr;
  std::ptrdiff_t ahead_stride = 0;
};

template <class T>
struct TileKernels {
  using Run = void (*)(const Tile<T>&);

  int lanes = 0;    // elements of a vector
  int vectors = 0;  // vectors of the widest tile: panel width = vectors * lanes

  // Most rows of a tile of 1 .. vectors vectors, and the kernel for r rows: rows[v - 1][r - 1].
  int most_rows[2] = {};
  const Run* rows[2] = {};     // a's k is contiguous
  const Run* columns[2] = {};  // a's rows are contiguous

  // to[c, r] = from[r, c].
  void (*transpose)(const T* from, std::ptrdiff_t from_stride, std::int64_t rows, std::int64_t columns, T* to,
                    std::ptrdiff_t to_stride) = nullptr;
  // to[r, 0..width) = from[r, 0..columns), then zeros.
  void (*copy)(const T* from, std::ptrdiff_t from_stride, std::int64_t rows, std::int64_t columns, T* to,
               std::int64_t width) = nullptr;

  int width() const { return vectors * lanes; }
};

template <class T>
const TileKernels<T>& tile_kernels(Isa isa);

namespace detail {
template <class T>
const TileKernels<T>& tile_kernels_baseline();
#if defined(__x86_64__)
template <class T>
const TileKernels<T>& tile_kernels_avx2();
template <class T>
const TileKernels<T>& tile_kernels_avx512();
#endif
}  // namespace detail

}  // namespace plait::cpu
