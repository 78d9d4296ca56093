// Embeddings of a few patients in double, as leaves of a tape: what the fusion ops and strategies read.
#pragma once

#include <array>
#include <vector>

#include "engine/tape.h"
#include "kernels/modality_mask.h"
#include "tests/support/random_values.h"

namespace plait {

class Embeddings {
 public:
  static constexpr std::int64_t batch = 8, width = 5;
  static constexpr int modalities = 3;

  Embeddings() {
    for (int m = 0; m < modalities; ++m) {
      const std::int64_t stride = padded_stride(width, DType::f64);
      auto& memory = memory_[static_cast<std::size_t>(m)] =
          random_values<double>(batch * stride, 10 + static_cast<std::uint32_t>(m), -1.5, 1.5);
      z.push_back({.data = memory.data(), .dtype = DType::f64, .shape = {batch, width}, .row_stride = stride});
    }
    present = {.data = masks.data(), .dtype = DType::u8, .shape = {batch}, .row_stride = 1};
  }
  Embeddings(const Embeddings&) = delete;
  Embeddings& operator=(const Embeddings&) = delete;

  std::vector<Value> leaves(Tape& tape) const {
    std::vector<Value> values;
    for (const Tensor& t : z) values.push_back(tape.variable(t));
    return values;
  }

  std::array<ModalityMask, batch> masks{7, 1, 6, 3, 7, 4, 5, 0};
  std::vector<Tensor> z;
  Tensor present;

 private:
  std::array<std::vector<double>, modalities> memory_;
};

// sum over elements of r * y, with r[batch * columns]; its gradient goes into y's seed.
inline double weighted_sum(Tape& tape, const Value& y, const std::vector<double>& r) {
  const GradSlot seed = tape.seed(y);
  double sum = 0.0;
  for (std::int64_t b = 0; b < y.data.rows(); ++b)
    for (std::int64_t c = 0; c < y.data.columns(); ++c) {
      const double weight = r[static_cast<std::size_t>(b * y.data.columns() + c)];
      sum += weight * y.data.as<double>()[b * y.data.row_stride + c];
      seed.tensor.as<double>()[b * seed.tensor.row_stride + c] = weight;
    }
  return sum;
}

// A tensor's memory, padding included: gradients are compared in the layout of what they belong to.
inline std::vector<double> raw(const Tensor& t) {
  return {t.as<double>(), t.as<double>() + t.rows() * t.row_stride};
}

}  // namespace plait
