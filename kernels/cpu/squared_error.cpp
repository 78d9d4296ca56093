// Squared error and its gradient in one pass: prediction and target read once; 12 B per prediction.
#include "kernels/squared_error.h"

#include "kernels/cpu/elementwise_loss.h"

namespace plait::cpu {

template <class T>
void squared_error(const LossParams& p, const T* predictions, const float* targets, const float* weights,
                   const double* denominator, double* value, GradSlice<T> gradient) {
  *value = elementwise_loss(p, predictions, targets, weights, *denominator, gradient,
                            [](T x, T t) { return squared_error_term(x, t); });
}

template void squared_error(const LossParams&, const float*, const float*, const float*, const double*, double*,
                            GradSlice<float>);
template void squared_error(const LossParams&, const double*, const float*, const float*, const double*, double*,
                            GradSlice<double>);

}  // namespace plait::cpu
