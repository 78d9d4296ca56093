// Losses that are a mean over columns of a term of logit (or prediction) and target: one pass over both, in tiles of
// whole rows, so that narrow heads (one column) vectorise over patients.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/binary_cross_entropy.h"
#include "kernels/cpu/grad_store.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/ordered_sum.h"
#include "kernels/cpu/patient_losses.h"
#include "kernels/math/loss.h"

namespace plait::cpu {

inline constexpr std::int64_t loss_tile = 256;  // elements; a multiple of 8 (OrderedSum)

// One tile: `rows` patients from b on, `count` columns from `first` on. sums[r] takes the terms of row b + r.
template <class T, class Term>
void loss_of_tile(const LossParams& p, const T* x, const float* targets, const float* weights, double denominator,
                  GradSlice<T> gradient, std::int64_t b, std::int64_t rows, std::int64_t first, std::int64_t count,
                  OrderedSum* sums, const Term& term) {
  T packed[loss_tile], value[loss_tile], derivative[loss_tile];
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < count; ++c) packed[r * count + c] = x[(b + r) * p.stride + first + c];
  // Several rows in a tile are whole rows: then the targets lie as the packed elements do.
  const float* t = targets + b * p.columns + first;
  for (std::int64_t i = 0; i < rows * count; ++i) {
    const LossTerm<T> at = term(packed[i], static_cast<T>(t[i]));
    value[i] = at.value;
    derivative[i] = at.derivative;
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    sums[r].add(count, [&](std::int64_t c) { return value[r * count + c]; });
    const bool active = takes_part(weights[b + r], denominator);
    const T scale =
        static_cast<T>(gradient_factor(p.coefficient, weights[b + r], denominator) / static_cast<double>(p.columns));
    with_store(gradient.mode, [&](auto add) {
      T* dx = gradient.data + (b + r) * p.stride + first;
      if (active)
        for (std::int64_t c = 0; c < count; ++c) put<add.value>(dx[c], scale * derivative[r * count + c]);
      else if constexpr (!add.value)
        for (std::int64_t c = 0; c < count; ++c) dx[c] = T(0);
    });
  }
}

template <class T, class Term>
double elementwise_loss(const LossParams& p, const T* x, const float* targets, const float* weights, double denominator,
                        GradSlice<T> gradient, const Term& term) {
  if (p.columns == 0) return 0.0;
  const std::int64_t rows_at_once = std::max<std::int64_t>(1, loss_tile / p.columns);
  const std::int64_t grain = 4096 / p.columns + 1;
  return weighted_mean_of_losses(p.batch, weights, denominator, grain,
                                 [&](std::int64_t begin, std::int64_t end, double* losses) {
                                   with_isa([&] {
                                     for (std::int64_t b = begin; b < end; b += rows_at_once) {
                                       const std::int64_t rows = std::min(rows_at_once, end - b);
                                       OrderedSum sums[loss_tile];
                                       for (std::int64_t first = 0; first < p.columns; first += loss_tile)
                                         loss_of_tile(p, x, targets, weights, denominator, gradient, b, rows, first,
                                                      std::min(loss_tile, p.columns - first), sums, term);
                                       for (std::int64_t r = 0; r < rows; ++r)
                                         losses[b - begin + r] = sums[r].total() / static_cast<double>(p.columns);
                                     }
                                   });
                                 });
}

}  // namespace plait::cpu
