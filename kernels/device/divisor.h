// Division by a number that is known at launch: a multiplication and a shift instead of the 20 to 80 instructions of a
// division. Source: Granlund and Montgomery, Division by invariant integers using multiplication (1994), fig. 4.1.
#pragma once

#include <cstdint>

#include "kernels/math/hd.h"

namespace plait::device {

// n / divisor and n % divisor for 0 <= n < 2^31, 1 <= divisor < 2^31.
class Divisor {
 public:
  Divisor() = default;
  explicit Divisor(std::int64_t divisor) : divisor_(static_cast<std::uint32_t>(divisor)) {
    while ((std::uint64_t{1} << shift_) < divisor_) ++shift_;
    const std::uint64_t excess = (std::uint64_t{1} << shift_) - divisor_;
    factor_ = static_cast<std::uint32_t>((excess << 32) / divisor_ + 1);
  }

  PLAIT_HD int quotient(int n) const {
    const auto u = static_cast<std::uint32_t>(n);
    const auto high = static_cast<std::uint32_t>((std::uint64_t{u} * factor_) >> 32);
    return static_cast<int>((high + u) >> shift_);
  }
  PLAIT_HD int value() const { return static_cast<int>(divisor_); }

  // n becomes the quotient, the remainder is returned.
  PLAIT_HD int split(int& n) const {
    const int q = quotient(n), remainder = n - q * value();
    n = q;
    return remainder;
  }

 private:
  std::uint32_t divisor_ = 1, factor_ = 1, shift_ = 0;
};

}  // namespace plait::device
