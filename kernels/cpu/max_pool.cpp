// 2x2 max-pooling: four loads, one store and one byte an output; backward one byte and one load for four stores.
#include "kernels/max_pool.h"

#include <algorithm>

#include "kernels/cpu/blocking.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/max_pool_rows.h"
#include "kernels/cpu/parallel.h"

namespace plait::cpu {

template <class T>
void max_pool_forward(const MaxPoolParams& p, const T* x, T* y, std::uint8_t* argmax) {
  const MaxPoolRows<T>& rows = max_pool_rows<T>(isa());
  const std::int64_t high = p.out_height(), out_row = p.out_width() * p.channels, row = p.width * p.channels;
  parallel_for(p.batch * high, grain_of(row * 8), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t n = item / high, h = item % high;
      const T* top = x + n * p.x_stride + 2 * h * row;
      rows.forward(top, top + row, p.out_width(), p.channels, y + n * p.y_stride + h * out_row,
                   argmax + item * out_row);
    }
  });
}

template <class T>
void max_pool_backward(const MaxPoolParams& p, const std::uint8_t* argmax, const T* dy, GradSlice<T> dx) {
  if (dx.mode == GradMode::ignore) return;
  const MaxPoolRows<T>& rows = max_pool_rows<T>(isa());
  const bool accumulate = dx.mode == GradMode::accumulate;
  const std::int64_t high = p.out_height(), out_row = p.out_width() * p.channels, row = p.width * p.channels;
  const std::int64_t pairs = (p.height + 1) / 2;  // of input rows; the last may be a single one that was dropped
  parallel_for(p.batch * pairs, grain_of(row * 8), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t n = item / pairs, h = item % pairs;
      T* top = dx.data + n * p.x_stride + 2 * h * row;
      if (h == high) {
        if (!accumulate) std::fill_n(top, row, T(0));
        continue;
      }
      rows.backward(argmax + (n * high + h) * out_row, dy + n * p.y_stride + h * out_row, p.out_width(), p.channels,
                    accumulate, top, top + row);
      if (!accumulate) {  // the dropped column
        std::fill(top + 2 * out_row, top + row, T(0));
        std::fill(top + row + 2 * out_row, top + 2 * row, T(0));
      }
    }
  });
}

template void max_pool_forward(const MaxPoolParams&, const float*, float*, std::uint8_t*);
template void max_pool_forward(const MaxPoolParams&, const double*, double*, std::uint8_t*);
template void max_pool_backward(const MaxPoolParams&, const std::uint8_t*, const float*, GradSlice<float>);
template void max_pool_backward(const MaxPoolParams&, const std::uint8_t*, const double*, GradSlice<double>);

}  // namespace plait::cpu
