// Softmax cross-entropy and its gradient from one visit to a row: the logits come from memory once (the maximum, the
// sum and the gradient then find them in the cache), probabilities are never stored; 8 B per logit.
#include "kernels/softmax_cross_entropy.h"

#include "kernels/cpu/grad_store.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/ordered_sum.h"
#include "kernels/cpu/patient_losses.h"
#include "kernels/math/loss.h"

namespace plait::cpu {
namespace {

template <class T>
double loss_of_row(std::int64_t columns, const T* x, std::int32_t target, double factor, GradMode mode, T* dx) {
  T top = x[0];
  for (std::int64_t c = 1; c < columns; ++c) top = x[c] > top ? x[c] : top;
  const double sum = ordered_sum(columns, [=](std::int64_t c) { return exponential(x[c] - top); });
  const T scale = static_cast<T>(factor), softmax_scale = static_cast<T>(factor / sum);
  with_store(mode, [&](auto add) {
    // The true class apart, in one expression: added afterwards, it would round twice.
    const T old = dx[target];
    for (std::int64_t c = 0; c < columns; ++c) put<add.value>(dx[c], softmax_scale * exponential(x[c] - top));
    dx[target] = old;
    put<add.value>(dx[target], softmax_scale * exponential(x[target] - top) - scale);
  });
  return log_of_sum<T>(sum) - static_cast<double>(x[target] - top);
}

}  // namespace

template <class T>
void softmax_cross_entropy(const LossParams& p, const T* logits, const std::int32_t* classes, const float* weights,
                           const double* denominator, double* value, GradSlice<T> gradient) {
  *value = weighted_mean_of_losses(
      p.batch, weights, *denominator, 2048 / (p.columns + 1) + 1,
      [&](std::int64_t begin, std::int64_t end, double* losses) {
        with_isa([&] {
          for (std::int64_t b = begin; b < end; ++b) {
            T* dx = gradient.mode == GradMode::ignore ? nullptr : gradient.data + b * p.stride;
            const double factor = gradient_factor(p.coefficient, weights[b], *denominator);
            if (takes_part(weights[b], *denominator)) {
              losses[b - begin] = loss_of_row(p.columns, logits + b * p.stride, classes[b], factor, gradient.mode, dx);
            } else if (gradient.mode == GradMode::overwrite) {
              for (std::int64_t c = 0; c < p.columns; ++c) dx[c] = T(0);
            }
          }
        });
      });
}

template void softmax_cross_entropy(const LossParams&, const float*, const std::int32_t*, const float*, const double*,
                                    double*, GradSlice<float>);
template void softmax_cross_entropy(const LossParams&, const double*, const std::int32_t*, const float*, const double*,
                                    double*, GradSlice<double>);

}  // namespace plait::cpu
