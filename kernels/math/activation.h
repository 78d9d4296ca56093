// Activations and their derivatives, each derivative written in the activation's own output. In float all of them
// vectorise (elementary.h).
#pragma once

#include <cmath>

#include "kernels/math/elementary.h"
#include "kernels/math/hd.h"

namespace plait {

enum class Activation { identity, relu, sigmoid, tanh };

template <class T>
PLAIT_HD T sigmoid(T x) {
  // exp of a non-positive number only: no overflow on either side.
  const T e = exponential(-std::fabs(x));
  return (x < T(0) ? e : T(1)) / (T(1) + e);
}

// log(1 + exp(x)), stable on both sides.
template <class T>
PLAIT_HD T softplus(T x) {
  return (x > T(0) ? x : T(0)) + log_one_plus(exponential(-std::fabs(x)));
}

template <class T>
PLAIT_HD T activate(Activation activation, T x) {
  switch (activation) {
    case Activation::relu:
      return x > T(0) ? x : (x != x ? x : T(0));  // a NaN stays one: faults must be seen
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::tanh:
      return hyperbolic_tangent(x);
    case Activation::identity:
      break;
  }
  return x;
}

// dL/dx from dL/dy and y = activate(x). ReLU selects, it does not multiply: 0 * inf must not arise.
template <class T>
PLAIT_HD T activation_gradient(Activation activation, T y, T dy) {
  switch (activation) {
    case Activation::relu:
      return y > T(0) ? dy : T(0);
    case Activation::sigmoid:
      return dy * y * (T(1) - y);
    case Activation::tanh:
      return dy * (T(1) - y * y);
    case Activation::identity:
      break;
  }
  return dy;
}

}  // namespace plait
