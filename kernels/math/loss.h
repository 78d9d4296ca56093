// The scalar losses: value and derivative of one element, from shared parts.
#pragma once

#include <cmath>
#include <type_traits>

#include "kernels/math/elementary.h"
#include "kernels/math/hd.h"

namespace plait {

template <class T>
struct LossTerm {
  T value, derivative;
};

// softplus(x) - x t and sigmoid(x) - t from one exponential. The linear parts are joined first, so that a confident
// right logit costs exp(-|x|) and not the rounding error of x.
template <class T>
PLAIT_HD LossTerm<T> binary_cross_entropy_term(T x, T t) {
  const T e = exponential(-std::fabs(x));
  const T positive = x > T(0) ? x : T(0);
  return {(positive - x * t) + log_one_plus(e), (x < T(0) ? e : T(1)) / (T(1) + e) - t};
}

template <class T>
PLAIT_HD LossTerm<T> squared_error_term(T x, T t) {
  const T difference = x - t;
  return {difference * difference, T(2) * difference};
}

// log(sum) for a sum >= 1 of exponentials taken in double, for logits of type T. In float without a library call, yet
// exact around 1, where a confident right prediction lives.
template <class T>
PLAIT_HD double log_of_sum(double sum) {
  if constexpr (std::is_same_v<T, double>) {
    return std::log(sum);
  } else {
    const float near = static_cast<float>(sum);
    const double rounded = static_cast<double>(near);
    return static_cast<double>(logarithm(near)) + (sum - rounded) / rounded;
  }
}

}  // namespace plait
