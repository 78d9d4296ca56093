// Bitwise comparison of two results that must not differ, with the place of the first difference.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace plait {

// Zeros of two signs count as equal: a skipped term and an added zero differ in nothing else.
template <class T>
::testing::AssertionResult equal_bits(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return ::testing::AssertionFailure() << a.size() << " elements against " << b.size();
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == T(0) && b[i] == T(0)) continue;
    if (std::memcmp(&a[i], &b[i], sizeof(T)) != 0) {
      return ::testing::AssertionFailure() << "element " << i << " of " << a.size() << ": " << a[i] << " against "
                                           << b[i] << ", difference " << a[i] - b[i];
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace plait
