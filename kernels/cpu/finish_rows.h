// Bias and activation on rows that have just left the register tile and are still in the first-level cache.
#pragma once

#include <cstdint>

#include "kernels/cpu/isa.h"
#include "kernels/math/activation.h"

namespace plait::cpu {

// x[rows, columns] = act(x + bias of the row); row_bias may be null.
template <class T>
void finish_rows(T* x, std::int64_t stride, std::int64_t rows, std::int64_t columns, const T* row_bias,
                 Activation activation) {
  with_isa([=] {
    for (std::int64_t r = 0; r < rows; ++r) {
      T* row = x + r * stride;
      if (row_bias != nullptr) {
        const T bias = row_bias[r];
        for (std::int64_t j = 0; j < columns; ++j) row[j] += bias;
      }
      if (activation == Activation::relu) {
        for (std::int64_t j = 0; j < columns; ++j) row[j] = activate(Activation::relu, row[j]);
      } else if (activation != Activation::identity) {
        for (std::int64_t j = 0; j < columns; ++j) row[j] = activate(activation, row[j]);
      }
    }
  });
}

}  // namespace plait::cpu
