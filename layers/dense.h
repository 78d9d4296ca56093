// Dense layer: weight[out, in] and, unless it has none, bias[out] in a ParameterStore, applied to x[batch, in].
#pragma once

#include <string>

#include "engine/ops/dense.h"

namespace plait {

class Dense {
 public:
  // Declares `<name>.weight` and, with one, `<name>.bias`. He initialisation in front of a ReLU, Glorot otherwise;
  // biases zero.
  Dense(ParameterStore& store, const std::string& name, std::int64_t in, std::int64_t out, Activation activation,
        bool with_bias = true)
      : activation_(activation),
        weight_(store.add(name + ".weight", {out, in},
                          activation == Activation::relu ? Init::he_uniform : Init::glorot_uniform, true)),
        bias_(with_bias ? store.add(name + ".bias", {out}, Init::zeros, false) : -1) {}

  Value operator()(Tape& tape, const ParameterStore& store, const Value& x) const {
    return ops::dense(tape, x, tape.parameter(store, weight_), bias_ >= 0 ? tape.parameter(store, bias_) : Value{},
                      activation_);
  }

 private:
  Activation activation_;
  int weight_, bias_;  // -1: none
};

}  // namespace plait
