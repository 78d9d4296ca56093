// Softmax cross-entropy and its gradient from one visit to a row: the logits come from memory once (the maximum, the
// sum and the gradient then find them in the cache), probabilities are never stored; 8 B per logit.
#include "kernels/softmax_cross_entropy.h"

#include <algorithm>

#include "kernels/cpu/grad_store.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/ordered_sum.h"
#include "kernels/cpu/patient_losses.h"
#include "kernels/math/loss.h"

namespace plait::cpu {
namespace {

constexpr std::int64_t exponential_tile = 256;  // elements

template <class T>
T maximum(std::int64_t columns, const T* x) {
  T top = x[0];
  for (std::int64_t c = 1; c < columns; ++c) top = x[c] > top ? x[c] : top;
  return top;
}

// Loss and gradient of one row; exponential_at(c) = exp(x[c] - top).
template <class T, class ExponentialAt>
double loss_of_row(std::int64_t columns, T true_logit, T top, std::int32_t target, double factor, GradMode mode, T* dx,
                   const ExponentialAt& exponential_at) {
  const double sum = ordered_sum(columns, exponential_at);
  const T scale = static_cast<T>(factor), softmax_scale = static_cast<T>(factor / sum);
  with_store(mode, [&](auto add) {
    // The true class apart, in one expression: subtracted afterwards, it would round twice.
    const T old = dx[target];
    for (std::int64_t c = 0; c < columns; ++c) put<add.value>(dx[c], softmax_scale * exponential_at(c));
    dx[target] = old;
    put<add.value>(dx[target], softmax_scale * exponential_at(target) - scale);
  });
  return log_of_sum<T>(sum) - static_cast<double>(true_logit - top);
}

// A stretch of patients, their logits and what is wanted of them.
template <class T>
struct Rows {
  const LossParams& p;
  const T* logits;
  const std::int32_t* classes;
  const float* weights;
  double denominator;
  GradSlice<T> gradient;

  const T* row(std::int64_t b) const { return logits + b * p.stride; }

  template <class ExponentialAt>
  double loss(std::int64_t b, T top, const ExponentialAt& exponential_at) const {
    T* dx = gradient.mode == GradMode::ignore ? nullptr : gradient.data + b * p.stride;
    if (takes_part(weights[b], denominator))
      return loss_of_row(p.columns, row(b)[classes[b]], top, classes[b],
                         gradient_factor(p.coefficient, weights[b], denominator), gradient.mode, dx, exponential_at);
    if (gradient.mode == GradMode::overwrite)
      for (std::int64_t c = 0; c < p.columns; ++c) dx[c] = T(0);
    return 0.0;
  }

  // Few classes: the exponentials of several patients at once, so that they fill vectors.
  void narrow(std::int64_t begin, std::int64_t end, double* losses) const {
    T tops[exponential_tile], tile[exponential_tile];
    const std::int64_t n = p.columns, rows_at_once = exponential_tile / n;
    for (std::int64_t b = begin; b < end; b += rows_at_once) {
      const std::int64_t rows = std::min(rows_at_once, end - b);
      for (std::int64_t r = 0; r < rows; ++r) {
        tops[r] = maximum(n, row(b + r));
        for (std::int64_t c = 0; c < n; ++c) tile[r * n + c] = row(b + r)[c] - tops[r];
      }
      for (std::int64_t i = 0; i < rows * n; ++i) tile[i] = exponential(tile[i]);
      for (std::int64_t r = 0; r < rows; ++r)
        losses[b - begin + r] = loss(b + r, tops[r], [&](std::int64_t c) { return tile[r * n + c]; });
    }
  }

  // Many classes: the exponentials are taken again for the gradient rather than stored.
  void wide(std::int64_t begin, std::int64_t end, double* losses) const {
    for (std::int64_t b = begin; b < end; ++b) {
      const T *x = row(b), top = maximum(p.columns, x);
      losses[b - begin] = loss(b, top, [=](std::int64_t c) { return exponential(x[c] - top); });
    }
  }
};

}  // namespace

template <class T>
void softmax_cross_entropy(const LossParams& p, const T* logits, const std::int32_t* classes, const float* weights,
                           const double* denominator, double* value, GradSlice<T> gradient) {
  if (p.columns == 0) {
    *value = 0.0;
    return;
  }
  const Rows<T> all{p, logits, classes, weights, *denominator, gradient};
  *value = weighted_mean_of_losses(
      p.batch, weights, *denominator, 2048 / p.columns + 1, [&](std::int64_t begin, std::int64_t end, double* losses) {
        with_isa(
            [&] { p.columns <= exponential_tile ? all.narrow(begin, end, losses) : all.wide(begin, end, losses); });
      });
}

template void softmax_cross_entropy(const LossParams&, const float*, const std::int32_t*, const float*, const double*,
                                    double*, GradSlice<float>);
template void softmax_cross_entropy(const LossParams&, const double*, const std::int32_t*, const float*, const double*,
                                    double*, GradSlice<double>);

}  // namespace plait::cpu
