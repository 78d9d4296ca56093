// 2x2 max-pooling: four loads, one store and one byte an output; backward one byte and one load per four stores.
#include "kernels/max_pool.h"

#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace plait::cpu {

template <class T>
void max_pool_forward(const MaxPoolParams& p, const T* x, T* y, std::uint8_t* argmax) {
  const std::int64_t oh = p.out_height(), ow = p.out_width(), C = p.channels;
  parallel_for(p.batch * oh, 8, [&](std::int64_t begin, std::int64_t end) {
    with_isa([=] {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t n = row / oh, h = row % oh;
        for (std::int64_t w = 0; w < ow; ++w) {
          const T* top = x + n * p.x_stride + (2 * h * p.width + 2 * w) * C;
          const T* bottom = top + p.width * C;
          T* out = y + n * p.y_stride + (h * ow + w) * C;
          std::uint8_t* where = argmax + ((n * oh + h) * ow + w) * C;
          for (std::int64_t c = 0; c < C; ++c) {
            const T window[4] = {top[c], top[C + c], bottom[c], bottom[C + c]};
            T best = window[0];
            std::uint8_t at = 0;
            for (std::uint8_t q = 1; q < 4; ++q) {
              // Not (v <= best) lets a NaN in; best == best keeps the first NaN.
              const bool take = best == best && !(window[q] <= best);
              best = take ? window[q] : best;
              at = take ? q : at;
            }
            out[c] = best;
            where[c] = at;
          }
        }
      }
    });
  });
}

template <class T>
void max_pool_backward(const MaxPoolParams& p, const std::uint8_t* argmax, const T* dy, GradSlice<T> dx) {
  if (dx.mode == GradMode::ignore) return;
  const std::int64_t oh = p.out_height(), ow = p.out_width(), C = p.channels;
  const bool accumulate = dx.mode == GradMode::accumulate;
  parallel_for(p.batch * p.height, 8, [&](std::int64_t begin, std::int64_t end) {
    with_isa([=] {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t n = row / p.height, h = row % p.height;
        T* out = dx.data + n * p.x_stride + h * p.width * C;
        for (std::int64_t w = 0; w < p.width; ++w) {
          if (h / 2 >= oh || w / 2 >= ow) {
            for (std::int64_t c = 0; c < C && !accumulate; ++c) out[w * C + c] = 0;
            continue;
          }
          const std::uint8_t q = static_cast<std::uint8_t>(h % 2 * 2 + w % 2);
          const std::uint8_t* where = argmax + ((n * oh + h / 2) * ow + w / 2) * C;
          const T* d = dy + n * p.y_stride + (h / 2 * ow + w / 2) * C;
          for (std::int64_t c = 0; c < C; ++c) {
            const T g = where[c] == q ? d[c] : T(0);
            out[w * C + c] = accumulate ? out[w * C + c] + g : g;
          }
        }
      }
    });
  });
}

template void max_pool_forward(const MaxPoolParams&, const float*, float*, std::uint8_t*);
template void max_pool_forward(const MaxPoolParams&, const double*, double*, std::uint8_t*);
template void max_pool_backward(const MaxPoolParams&, const std::uint8_t*, const float*, GradSlice<float>);
template void max_pool_backward(const MaxPoolParams&, const std::uint8_t*, const double*, GradSlice<double>);

}  // namespace plait::cpu
