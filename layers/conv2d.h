// Convolution layer, size kept: weight[out, kernel, kernel, in] and bias[out] in a ParameterStore, applied to x[n, h,
// w, in].
#pragma once

#include <string>

#include "engine/ops/conv2d.h"
#include "engine/ops/conv2d_pool.h"

namespace plait {

class Conv2d {
 public:
  // Declares `<name>.weight` and `<name>.bias`.
  Conv2d(ParameterStore& store, const std::string& name, std::int64_t in_channels, std::int64_t out_channels,
         std::int64_t kernel, Activation activation)
      : activation_(activation),
        weight_(store.add(name + ".weight", {out_channels, kernel, kernel, in_channels},
                          activation == Activation::relu ? Init::he_uniform : Init::glorot_uniform, true)),
        bias_(store.add(name + ".bias", {out_channels}, Init::zeros, false)) {}

  Value operator()(Tape& tape, const ParameterStore& store, const Value& x) const {
    return ops::conv2d(tape, x, tape.parameter(store, weight_), tape.parameter(store, bias_), activation_);
  }

  // And 2x2 max-pooling behind it.
  Value pooled(Tape& tape, const ParameterStore& store, const Value& x) const {
    return ops::conv2d_pool(tape, x, tape.parameter(store, weight_), tape.parameter(store, bias_), activation_);
  }

 private:
  Activation activation_;
  int weight_, bias_;
};

}  // namespace plait
