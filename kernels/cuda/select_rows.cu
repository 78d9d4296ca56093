// y[b] = modality m available for patient b ? x[b] : 0, and the way back. Nothing to fuse: one read and one write an
// element (8 B in float, 4 in bf16), rows of absent modalities are not even read. Floor on an H100 (3.0 TB/s): 0.7 us
// for B = 256, 1,000 columns in float; at our sizes the launch decides.
//
// A thread moves 16 bytes; rows with an odd pitch go element by element. The mask is one byte a row, read through the
// cache by every thread of the row.
#include "kernels/select_rows.h"

#include "kernels/device/pack.h"
#include "kernels/launch.h"
#include "kernels/math/bf16.h"

namespace plait {
namespace {

constexpr int threads = 256;

template <class T>
struct Packed {
  using Unit = device::Pack<T>;
  static constexpr int width = device::Pack<T>::size;
};
template <class T>
struct Single {
  struct Unit {
    T value[1];
  };
  static constexpr int width = 1;
};

// grid (column blocks, rows); to[row] = selected ? from[row] : 0, added to what is there in accumulate mode.
template <class T, class Access, bool accumulate>
__global__ void __launch_bounds__(threads)
    select_rows_kernel(SelectRowsParams p, std::int64_t from_stride, std::int64_t to_stride,
                       const ModalityMask* available, const T* from, T* to) {
  using Unit = typename Access::Unit;
  const std::int64_t column = (std::int64_t{blockIdx.x} * threads + threadIdx.x) * Access::width;
  if (column >= p.columns) return;
  for (std::int64_t row = blockIdx.y; row < p.batch; row += gridDim.y) {
    const bool selected = has_modality(available[row], p.modality);
    if (accumulate && !selected) continue;
    Unit* target = reinterpret_cast<Unit*>(to + row * to_stride + column);
    Unit unit = accumulate ? *target : Unit{};
    if (selected) {
      const Unit source = *reinterpret_cast<const Unit*>(from + row * from_stride + column);
      PLAIT_UNROLL
      for (int i = 0; i < Access::width; ++i)
        unit.value[i] =
            accumulate ? from_float<T>(to_float(unit.value[i]) + to_float(source.value[i])) : source.value[i];
    }
    *target = unit;
  }
}

template <class T, bool accumulate>
void select(const SelectRowsParams& p, std::int64_t from_stride, std::int64_t to_stride, const ModalityMask* available,
            const T* from, T* to, cudaStream_t stream) {
  if (p.batch == 0 || p.columns == 0) return;
  const auto run = [&]<class Access>(Access) {
    const dim3 grid(blocks_for(p.columns, std::int64_t{threads} * Access::width),
                    static_cast<unsigned>(std::min<std::int64_t>(p.batch, 65535)));
    launch(select_rows_kernel<T, Access, accumulate>, grid, threads, 0, stream, p, from_stride, to_stride, available,
           from, to);
  };
  if (device::rows_are_packed(from, from_stride, p.columns) && device::rows_are_packed(to, to_stride, p.columns))
    run(Packed<T>{});
  else
    run(Single<T>{});
}

// 8 values a thread: two reads of 16 bytes, one write. Single: one value.
template <bool packed>
__global__ void __launch_bounds__(threads)
    select_rows_rounded_kernel(SelectRowsParams p, const ModalityMask* available, const float* x, bf16* y) {
  constexpr int width = packed ? 8 : 1;
  const std::int64_t column = (std::int64_t{blockIdx.x} * threads + threadIdx.x) * width;
  if (column >= p.columns) return;
  for (std::int64_t row = blockIdx.y; row < p.batch; row += gridDim.y) {
    const bool selected = available == nullptr || has_modality(available[row], p.modality);
    const float* from = x + row * p.x_stride + column;
    bf16* to = y + row * p.y_stride + column;
    if constexpr (packed) {
      device::Pack<bf16> pack{};
      if (selected) {
        const device::Pack<float> low = device::load_pack(from), high = device::load_pack(from + 4);
        PLAIT_UNROLL
        for (int i = 0; i < 8; ++i) pack.value[i] = to_bf16(i < 4 ? low.value[i % 4] : high.value[i % 4]);
      }
      device::store_pack(to, pack);
    } else {
      *to = selected ? to_bf16(*from) : bf16{0};
    }
  }
}

}  // namespace

namespace gpu {

void select_rows_rounded(const SelectRowsParams& p, const ModalityMask* available, const float* x, bf16* y,
                         cudaStream_t stream) {
  if (p.batch == 0 || p.columns == 0) return;
  const bool packed = p.columns % 8 == 0 && device::rows_are_packed(x, p.x_stride, p.columns) &&
                      device::rows_are_packed(y, p.y_stride, p.columns);
  const dim3 grid(blocks_for(p.columns, std::int64_t{threads} * (packed ? 8 : 1)),
                  static_cast<unsigned>(std::min<std::int64_t>(p.batch, 65535)));
  launch(packed ? select_rows_rounded_kernel<true> : select_rows_rounded_kernel<false>, grid, threads, 0, stream, p,
         available, x, y);
}

template <class T>
void select_rows(const SelectRowsParams& p, const ModalityMask* available, const T* x, T* y, cudaStream_t stream) {
  select<T, false>(p, p.x_stride, p.y_stride, available, x, y, stream);
}

template <class T>
void select_rows_backward(const SelectRowsParams& p, const ModalityMask* available, const T* dy, GradSlice<T> dx,
                          cudaStream_t stream) {
  if (dx.mode == GradMode::overwrite) select<T, false>(p, p.y_stride, p.x_stride, available, dy, dx.data, stream);
  if (dx.mode == GradMode::accumulate) select<T, true>(p, p.y_stride, p.x_stride, available, dy, dx.data, stream);
}

template void select_rows<float>(const SelectRowsParams&, const ModalityMask*, const float*, float*, cudaStream_t);
template void select_rows<bf16>(const SelectRowsParams&, const ModalityMask*, const bf16*, bf16*, cudaStream_t);
template void select_rows_backward<float>(const SelectRowsParams&, const ModalityMask*, const float*, GradSlice<float>,
                                          cudaStream_t);
template void select_rows_backward<bf16>(const SelectRowsParams&, const ModalityMask*, const bf16*, GradSlice<bf16>,
                                         cudaStream_t);

}  // namespace gpu
}  // namespace plait
