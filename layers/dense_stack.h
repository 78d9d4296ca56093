// Dense layers one after the other, each but the last followed by a ReLU and, if asked, dropout.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/ops/dropout.h"
#include "layers/dense.h"

namespace plait {

class DenseStack {
 public:
  // widths = {in, hidden..., out}; layer i is named `<name>.<first + i>`. site: the first dropout's number (see
  // ops::dropout).
  DenseStack(ParameterStore& store, const std::string& name, const std::vector<std::int64_t>& widths, Activation last,
             int first = 0, double dropout = 0.0, int site = 0)
      : dropout_(dropout), site_(site) {
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
      const bool is_last = i + 2 == widths.size();
      layers_.emplace_back(store, name + "." + std::to_string(first + static_cast<int>(i)), widths[i], widths[i + 1],
                           is_last ? last : Activation::relu);
    }
  }

  Value operator()(Tape& tape, const ParameterStore& store, const StepContext& context, Value x) const {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      x = layers_[i](tape, store, x);
      if (i + 1 < layers_.size()) x = ops::dropout(tape, context, x, dropout_, site_ + static_cast<int>(i));
    }
    return x;
  }

 private:
  std::vector<Dense> layers_;
  double dropout_;
  int site_;
};

}  // namespace plait
