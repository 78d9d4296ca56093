// y = a + b, and the sum of a matrix's rows along a binary tree (kernels/add.h). add() moves 12 B an element,
// add_rows() 4 for every row and 4; of bf16 half of it. Floor on an H100 (3.0 TB/s) for 10 million gradients: 40 us,
// and of 8 rows 120 us.
//
// A thread keeps four neighbouring elements, where the pointers and the rows' length allow. Up to eight rows are loaded
// at once, which is the tree's lower part; more come in groups of eight, whose sums are carried as in a binary counter.
#include "kernels/add.h"

#include "kernels/cuda/stretch.h"
#include "kernels/launch.h"
#include "kernels/math/bf16.h"

namespace plait {
namespace {

constexpr int threads = 256;
constexpr int group = 8;   // rows loaded at once
constexpr int levels = 8;  // of the counter: 2^8 groups
constexpr std::int64_t most_rows = group << levels;

using cuda::Stretch;

template <class T, int width>
__device__ __forceinline__ Stretch<T, width> sum(const Stretch<T, width>& a, const Stretch<T, width>& b) {
  Stretch<T, width> y;
  PLAIT_UNROLL
  for (int i = 0; i < width; ++i) y.value[i] = from_float<T>(to_float(a.value[i]) + to_float(b.value[i]));
  return y;
}

template <int width, class T>
__global__ void __launch_bounds__(threads) add_kernel(std::int64_t count, const T* a, const T* b, T* y) {
  const std::int64_t at = (std::int64_t{blockIdx.x} * threads + threadIdx.x) * width;
  const std::int64_t left = count - at;
  if (left <= 0) return;
  cuda::store_up_to(left, y + at, sum(cuda::load_up_to<width>(left, a + at), cuda::load_up_to<width>(left, b + at)));
}

// Rows [0, rows) of x; rows: a power of two, at most a group.
template <int rows, int width, class T>
__device__ __forceinline__ Stretch<T, width> add_group(std::int64_t count, const T* x) {
  Stretch<T, width> part[rows];
  PLAIT_UNROLL
  for (int r = 0; r < rows; ++r) part[r] = cuda::load<width>(x + r * count);
  PLAIT_UNROLL
  for (int step = 1; step < rows; step *= 2) {
    PLAIT_UNROLL
    for (int r = 0; r + step < rows; r += 2 * step) part[r] = sum(part[r], part[r + step]);
  }
  return part[0];
}

template <int rows, int width, class T>
__global__ void __launch_bounds__(threads) add_rows_kernel(std::int64_t count, const T* x, T* y) {
  const std::int64_t at = (std::int64_t{blockIdx.x} * threads + threadIdx.x) * width;
  if (at >= count) return;  // with a width of 4 the count is a multiple of it
  cuda::store(y + at, add_group<rows, width>(count, x + at));
}

template <int width, class T>
__global__ void __launch_bounds__(threads) add_many_rows_kernel(int groups, std::int64_t count, const T* x, T* y) {
  const std::int64_t at = (std::int64_t{blockIdx.x} * threads + threadIdx.x) * width;
  if (at >= count) return;
  Stretch<T, width> level[levels]{};
  Stretch<T, width> carried{};
  for (int g = 0; g < groups; ++g) {
    carried = add_group<group, width>(count, x + g * group * count + at);
    bool carries = true;
    PLAIT_UNROLL
    for (int k = 0; k < levels; ++k) {
      if (!carries) continue;
      if ((g >> k & 1) != 0) {
        carried = sum(level[k], carried);
      } else {
        level[k] = carried;
        carries = false;
      }
    }
  }
  cuda::store(y + at, carried);
}

template <int width, class T>
void launch_add_rows(std::int64_t rows, std::int64_t count, const T* x, T* y, cudaStream_t stream) {
  const unsigned blocks = blocks_for(count, std::int64_t{threads} * width);
  switch (rows) {
    case 1:
      return launch(add_rows_kernel<1, width, T>, blocks, threads, 0, stream, count, x, y);
    case 2:
      return launch(add_rows_kernel<2, width, T>, blocks, threads, 0, stream, count, x, y);
    case 4:
      return launch(add_rows_kernel<4, width, T>, blocks, threads, 0, stream, count, x, y);
    case 8:
      return launch(add_rows_kernel<8, width, T>, blocks, threads, 0, stream, count, x, y);
    default:
      launch(add_many_rows_kernel<width, T>, blocks, threads, 0, stream, rows / group, count, x, y);
  }
}

}  // namespace

namespace gpu {

template <class T>
void add(std::int64_t count, const T* a, const T* b, T* y, cudaStream_t stream) {
  const bool packed = cuda::starts_stretch<4>(a) && cuda::starts_stretch<4>(b) && cuda::starts_stretch<4>(y);
  launch(packed ? add_kernel<4, T> : add_kernel<1, T>, blocks_for(count, packed ? threads * 4 : threads), threads, 0,
         stream, count, a, b, y);
}

template <class T>
void add_rows(std::int64_t rows, std::int64_t count, const T* x, T* y, cudaStream_t stream) {
  if (rows < 1 || rows > most_rows || (rows & (rows - 1)) != 0)
    throw Failure(Failure::Kind::other, "rows that are added have to be a power of two, at most 2048");
  if (cuda::rows_are_stretches<4>(x, count, count) && cuda::starts_stretch<4>(y))
    launch_add_rows<4>(rows, count, x, y, stream);
  else
    launch_add_rows<1>(rows, count, x, y, stream);
}

template void add(std::int64_t, const float*, const float*, float*, cudaStream_t);
template void add(std::int64_t, const bf16*, const bf16*, bf16*, cudaStream_t);
template void add_rows(std::int64_t, std::int64_t, const float*, float*, cudaStream_t);
template void add_rows(std::int64_t, std::int64_t, const bf16*, bf16*, cudaStream_t);

}  // namespace gpu
}  // namespace plait
