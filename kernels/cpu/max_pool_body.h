// The rows of max_pool_rows.h over a vector type V; included by each max_pool_<isa>.cpp once the compiler has been told
// the instruction set.
#pragma once

#include <cstdint>

#include "kernels/cpu/max_pool_rows.h"

namespace plait::cpu::detail {

template <class V>
void pool_row(const typename V::Element* top, const typename V::Element* bottom, std::int64_t wide,
              std::int64_t channels, typename V::Element* y, std::uint8_t* argmax) {
  using T = typename V::Element;
  const T number[4] = {0, 1, 2, 3};
  for (std::int64_t w = 0; w < wide; ++w) {
    for (std::int64_t c = 0; c < channels; c += V::lanes) {
      const auto m = V::mask(channels - c);
      const T* const window[4] = {top + c, top + channels + c, bottom + c, bottom + channels + c};
      auto best = V::load(m, window[0]), where = V::zero();
      for (int q = 1; q < 4; ++q) {
        const auto v = V::load(m, window[q]);
        const auto better = V::replaces(v, best);
        best = V::choose(better, v, best);
        where = V::choose(better, V::broadcast(number + q), where);
      }
      V::store(m, y + c, best);
      V::store_bytes(m, argmax + c, where);
    }
    top += 2 * channels;
    bottom += 2 * channels;
    y += channels;
    argmax += channels;
  }
}

template <class V>
void spread_row(const std::uint8_t* argmax, const typename V::Element* dy, std::int64_t wide, std::int64_t channels,
                bool accumulate, typename V::Element* top, typename V::Element* bottom) {
  using T = typename V::Element;
  const T number[4] = {0, 1, 2, 3};
  for (std::int64_t w = 0; w < wide; ++w) {
    for (std::int64_t c = 0; c < channels; c += V::lanes) {
      const auto m = V::mask(channels - c);
      T* const window[4] = {top + c, top + channels + c, bottom + c, bottom + channels + c};
      const auto gradient = V::load(m, dy + c), where = V::load_bytes(m, argmax + c);
      for (int q = 0; q < 4; ++q) {
        const auto share = V::choose(V::equals(where, V::broadcast(number + q)), gradient, V::zero());
        V::store(m, window[q], accumulate ? V::add(V::load(m, window[q]), share) : share);
      }
    }
    top += 2 * channels;
    bottom += 2 * channels;
    dy += channels;
    argmax += channels;
  }
}

template <class V>
const MaxPoolRows<typename V::Element>& pool_rows_of() {
  static constexpr MaxPoolRows<typename V::Element> rows = {pool_row<V>, spread_row<V>};
  return rows;
}

}  // namespace plait::cpu::detail
