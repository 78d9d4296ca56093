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

template <class T>
struct LossTile {
  T packed[loss_tile], value[loss_tile], derivative[loss_tile];
  double factor[loss_tile];  // of each row, what its derivatives are multiplied by
  bool active[loss_tile];    // the row takes part

  // Rows b .. b+rows-1 of columns first .. first+count-1; either whole rows or a part of one.
  template <class Term>
  void compute(const LossParams& p, const T* x, const float* targets, std::int64_t b, std::int64_t rows,
               std::int64_t first, std::int64_t count, const Term& term) {
    const T* from = x + b * p.stride + first;
    if (count == 1)
      for (std::int64_t r = 0; r < rows; ++r) packed[r] = from[r * p.stride];
    else
      for (std::int64_t r = 0; r < rows; ++r)
        for (std::int64_t c = 0; c < count; ++c) packed[r * count + c] = from[r * p.stride + c];
    const float* t = targets + b * p.columns + first;  // contiguous: they lie as the packed elements do
    for (std::int64_t i = 0; i < rows * count; ++i) {
      const LossTerm<T> at = term(packed[i], static_cast<T>(t[i]));
      value[i] = at.value;
      derivative[i] = at.derivative;
    }
  }

  void weigh(const LossParams& p, const float* weights, double denominator, std::int64_t rows) {
    for (std::int64_t r = 0; r < rows; ++r) {
      active[r] = takes_part(weights[r], denominator);
      factor[r] = gradient_factor(p.coefficient, weights[r], denominator) / static_cast<double>(p.columns);
    }
  }

  void store(const LossParams& p, GradSlice<T> gradient, std::int64_t b, std::int64_t rows, std::int64_t first,
             std::int64_t count) const {
    with_store(gradient.mode, [&](auto add) {
      constexpr bool accumulate = add.value;
      T* dx = gradient.data + b * p.stride + first;
      const auto stored = [](bool taken, T old, T value) {
        if constexpr (accumulate) return taken ? old + value : old;
        return taken ? value : T(0);
      };
      if (count == 1)
        for (std::int64_t r = 0; r < rows; ++r)
          dx[r * p.stride] = stored(active[r], dx[r * p.stride], static_cast<T>(factor[r]) * derivative[r]);
      else
        for (std::int64_t r = 0; r < rows; ++r)
          for (std::int64_t c = 0; c < count; ++c)
            dx[r * p.stride + c] =
                stored(active[r], dx[r * p.stride + c], static_cast<T>(factor[r]) * derivative[r * count + c]);
    });
  }
};

// Rows that fit a tile, several at once.
template <class T, class Term>
void losses_of_narrow_rows(const LossParams& p, const T* x, const float* targets, const float* weights,
                           double denominator, GradSlice<T> gradient, std::int64_t begin, std::int64_t end,
                           double* losses, const Term& term) {
  LossTile<T> tile;
  const std::int64_t n = p.columns, rows_at_once = loss_tile / n;
  for (std::int64_t b = begin; b < end; b += rows_at_once) {
    const std::int64_t rows = std::min(rows_at_once, end - b);
    tile.compute(p, x, targets, b, rows, 0, n, term);
    tile.weigh(p, weights + b, denominator, rows);
    tile.store(p, gradient, b, rows, 0, n);
    if (n == 1)
      for (std::int64_t r = 0; r < rows; ++r) losses[b - begin + r] = static_cast<double>(tile.value[r]);
    else
      for (std::int64_t r = 0; r < rows; ++r)
        losses[b - begin + r] =
            ordered_sum(n, [&](std::int64_t c) { return tile.value[r * n + c]; }) / static_cast<double>(n);
  }
}

// Longer rows, tile by tile.
template <class T, class Term>
double loss_of_wide_row(const LossParams& p, const T* x, const float* targets, float weight, double denominator,
                        GradSlice<T> gradient, std::int64_t b, const Term& term) {
  LossTile<T> tile;
  OrderedSum sum;
  tile.weigh(p, &weight, denominator, 1);
  for (std::int64_t first = 0; first < p.columns; first += loss_tile) {
    const std::int64_t count = std::min(loss_tile, p.columns - first);
    tile.compute(p, x, targets, b, 1, first, count, term);
    tile.store(p, gradient, b, 1, first, count);
    sum.add(count, [&](std::int64_t c) { return tile.value[c]; });
  }
  return sum.total() / static_cast<double>(p.columns);
}

template <class T, class Term>
double elementwise_loss(const LossParams& p, const T* x, const float* targets, const float* weights, double denominator,
                        GradSlice<T> gradient, const Term& term) {
  if (p.columns == 0) return 0.0;
  return weighted_mean_of_losses(
      p.batch, weights, denominator, 2048 / p.columns + 1, [&](std::int64_t begin, std::int64_t end, double* losses) {
        with_isa([&] {
          if (p.columns <= loss_tile)
            return losses_of_narrow_rows(p, x, targets, weights, denominator, gradient, begin, end, losses, term);
          for (std::int64_t b = begin; b < end; ++b)
            losses[b - begin] = loss_of_wide_row(p, x, targets, weights[b], denominator, gradient, b, term);
        });
      });
}

}  // namespace plait::cpu
