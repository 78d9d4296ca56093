// Binary cross-entropy and its gradient in one pass: logit and target read once, probabilities never stored; 12 B per
// logit.
#include "kernels/binary_cross_entropy.h"

#include "kernels/cpu/elementwise_loss.h"

namespace plait::cpu {

template <class T>
void binary_cross_entropy(const LossParams& p, const T* logits, const float* targets, const float* weights,
                          const double* denominator, double* value, GradSlice<T> gradient) {
  *value = elementwise_loss(p, logits, targets, weights, *denominator, gradient,
                            [](T x, T t) { return binary_cross_entropy_term(x, t); });
}

template void binary_cross_entropy(const LossParams&, const float*, const float*, const float*, const double*, double*,
                                   GradSlice<float>);
template void binary_cross_entropy(const LossParams&, const double*, const float*, const float*, const double*, double*,
                                   GradSlice<double>);

}  // namespace plait::cpu
