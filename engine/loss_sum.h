// A weighted sum of numbers that loss kernels write into slots of the tape. On the CPU they are there at once; on a GPU
// only once its stream has got there, so nothing in a step reads them.
#pragma once

#include <array>
#include <cstddef>

namespace plait {

class LossSum {
 public:
  LossSum() = default;
  explicit LossSum(const double* value) : count_(1) { parts_[0] = {value, 1.0}; }

  LossSum& operator+=(const LossSum& other) {
    for (std::size_t i = 0; i < other.count_; ++i) parts_[count_++] = other.parts_[i];
    return *this;
  }
  friend LossSum operator*(double weight, LossSum sum) {
    for (std::size_t i = 0; i < sum.count_; ++i) sum.parts_[i].weight *= weight;
    return sum;
  }

  // read(const double* slot): the number in a slot.
  template <class Read>
  double evaluate(const Read& read) const {
    double sum = 0.0;
    for (std::size_t i = 0; i < count_; ++i) sum += parts_[i].weight * read(parts_[i].value);
    return sum;
  }
  // On the CPU.
  operator double() const {
    return evaluate([](const double* slot) { return *slot; });
  }

 private:
  struct Part {
    const double* value = nullptr;
    double weight = 1.0;
  };
  std::array<Part, 8> parts_{};  // one a modality at most
  std::size_t count_ = 0;
};

}  // namespace plait
