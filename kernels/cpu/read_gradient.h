// dz = gradient in front of the activation, from the gradient behind it and the activation's own output.
#pragma once

#include <cstdint>

#include "kernels/cpu/isa.h"
#include "kernels/math/activation.h"

namespace plait::cpu {

// y is not read where the activation is the identity.
template <class T>
void read_gradient(Activation activation, const T* y, const T* dy, std::int64_t count, T* dz) {
  with_isa([=] {
    switch (activation) {
      case Activation::identity:
        for (std::int64_t i = 0; i < count; ++i) dz[i] = dy[i];
        break;
      case Activation::relu:
        for (std::int64_t i = 0; i < count; ++i) dz[i] = activation_gradient(Activation::relu, y[i], dy[i]);
        break;
      case Activation::sigmoid:
      case Activation::tanh:
        for (std::int64_t i = 0; i < count; ++i) dz[i] = activation_gradient(activation, y[i], dy[i]);
        break;
    }
  });
}

}  // namespace plait::cpu
