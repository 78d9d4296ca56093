// Sums with one fixed order, whatever the thread count and the instruction set: 8 interleaved double accumulators
// (element i goes to accumulator i mod 8), neighbours added pairwise at the end. Eight doubles are one or a few vector
// registers, so the fixed order costs no speed.
#pragma once

#include <cstdint>

namespace plait::cpu {

class OrderedSum {
 public:
  // Adds term(0) .. term(count - 1). Before the last call, counts must be multiples of 8 (the order goes on).
  template <class Term>
  void add(std::int64_t count, const Term& term) {
    double lane[8];
    for (int l = 0; l < 8; ++l) lane[l] = lane_[l];
    std::int64_t i = 0;
    for (; i + 8 <= count; i += 8)
      for (int l = 0; l < 8; ++l) lane[l] += static_cast<double>(term(i + l));
    for (int l = 0; i < count; ++i, ++l) lane[l] += static_cast<double>(term(i));
    for (int l = 0; l < 8; ++l) lane_[l] = lane[l];
  }

  double total() const {
    return ((lane_[0] + lane_[1]) + (lane_[2] + lane_[3])) + ((lane_[4] + lane_[5]) + (lane_[6] + lane_[7]));
  }

 private:
  double lane_[8] = {};
};

// The sum of term(0) .. term(count - 1) in that order.
template <class Term>
double ordered_sum(std::int64_t count, const Term& term) {
  OrderedSum sum;
  sum.add(count, term);
  return sum.total();
}

// Adds `count` block sums along the fixed tree of reduce.h; they are overwritten. 0 for none.
inline double tree_sum(std::int64_t count, double* sums) {
  if (count == 0) return 0.0;
  for (; count > 1; count = (count + 1) / 2) {
    for (std::int64_t i = 0; i < count / 2; ++i) sums[i] = sums[2 * i] + sums[2 * i + 1];
    if (count % 2 != 0) sums[count / 2] = sums[count - 1];
  }
  return sums[0];
}

}  // namespace plait::cpu
