// Operands of the GEMM family: how a tile of a or b lies in shared memory, and how a block brings it there.
//
// A tile covers `outer` rows of a (columns of b) times `depth` steps of k. It keeps the order it has in global memory:
// the rows of the tile are pieces of stored rows, copied 16 bytes a thread by cp.async, neighbouring threads on
// neighbouring bytes. Nothing is transposed on the way in; the readers (gemm_simt.h, gemm_mma.h) know both orders.
// What lies outside the matrix becomes zero and is not read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/device/async_copy.h"
#include "kernels/device/pack.h"
#include "kernels/math/bf16.h"

namespace plait::tiled {

// Which index of an operand runs along its stored rows: k, or the row of a / the column of b.
enum class Major { k, outer };

// Placements: where the 16-byte unit `unit` of the tile's row `row` lies, in units. Each is free of bank conflicts for
// its reader.
template <int units>
struct Straight {
  static constexpr int size(int rows) { return rows * units; }
  __device__ static int at(int row, int unit) { return row * units + unit; }
};

// A free unit after every fourth row: eight threads that read rows 4 apart meet eight different groups of banks.
template <int units>
struct Skewed {
  static constexpr int size(int rows) { return rows * units + rows / 4; }
  __device__ static int at(int row, int unit) { return row * units + row / 4 + unit; }
};

// The unit's place is turned by the row (units >= 8): eight rows' equal units lie in eight different groups of banks.
template <int units, int step>
struct Swizzled {
  static_assert(units >= 8);
  static constexpr int size(int rows) { return rows * units; }
  __device__ static int at(int row, int unit) { return row * units + (unit ^ (row * step & 7)); }
};

template <class T, Major major_, int outer_, int depth_, template <int> class Place>
struct Operand {
  using Element = T;
  static constexpr Major major = major_;
  static constexpr int outer = outer_, depth = depth_, width = device::Pack<T>::size;
  static constexpr int rows = major == Major::k ? outer : depth, columns = major == Major::k ? depth : outer;
  static constexpr int units = columns / width;
  using Placement = Place<units>;
  static constexpr int bytes = Placement::size(rows) * 16;

  // The element (row, column) of the tile as stored.
  __device__ static int at(int row, int column) { return Placement::at(row, column / width) * width + column % width; }
};

// A thread's share in copying the tiles of one operand, one after the other along k.
template <class Tile, int threads, bool aligned>
class TileCopy {
  using T = typename Tile::Element;

 public:
  // `from`: the first element of the first tile; outer_left: how many rows of a / columns of b there are from there on.
  __device__ __forceinline__ TileCopy(const T* from, std::int64_t stride, std::int64_t outer_left)
      : from_(from + row() * stride + column()),
        stride_(stride),
        outer_left_(static_cast<int>(outer_left < Tile::outer ? outer_left : Tile::outer)) {}

  // Starts the copy of the next tile, of which k_left steps exist.
  __device__ __forceinline__ void next(T* to, int k_left) {
    const int rows = (Tile::major == Major::k ? outer_left_ : k_left) - row();
    const int columns = (Tile::major == Major::k ? k_left : outer_left_) - column();
    if constexpr (aligned)
      copy_units(to + Tile::at(row(), column()), rows, columns);
    else
      copy_elements(to, rows, columns);
    from_ += Tile::major == Major::k ? Tile::depth : Tile::depth * stride_;
  }

 private:
  // The block copies `step` rows at once, a thread `width` elements of one; `row`, `column` are where the thread
  // begins.
  static constexpr int width = aligned ? Tile::width : 1;
  static constexpr int across = std::min(threads, Tile::columns / width), step = threads / across;
  static_assert(threads % across == 0 && Tile::rows % step == 0);
  __device__ __forceinline__ static int row() { return static_cast<int>(threadIdx.x / across); }
  __device__ __forceinline__ static int column() { return static_cast<int>(threadIdx.x % across) * width; }

  // rows, columns: how many exist from the thread's first element on.
  __device__ __forceinline__ void copy_units(T* to, int rows, int columns) const {
    static_assert(step % 8 == 0 && across == Tile::units);  // so places add up: at(row + i step) = at(row) + at(i step)
    const int exist = columns < 0 ? 0 : columns < width ? columns : width;
    PLAIT_UNROLL
    for (int i = 0; i < Tile::rows / step; ++i)
      device::async_copy_16(to + Tile::at(i * step, 0), from_ + i * step * stride_,
                            i * step < rows ? exist * static_cast<int>(sizeof(T)) : 0);
  }

  // Rows that start anywhere: 4 bytes a copy, bf16 through registers.
  __device__ __forceinline__ void copy_elements(T* to, int rows, int columns) const {
    for (int c = 0; c < Tile::columns; c += across) {
      for (int r = 0; r < Tile::rows; r += step) {
        const bool exists = r < rows && c < columns;
        const T* source = from_ + r * stride_ + c;
        T* target = to + Tile::at(row() + r, column() + c);
        if constexpr (sizeof(T) == 4)
          device::async_copy_4(target, source, exists ? 4 : 0);
        else
          *target = exists ? *source : T{};
      }
    }
  }

  const T* from_;
  std::int64_t stride_;
  int outer_left_;
};

}  // namespace plait::tiled
