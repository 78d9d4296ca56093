// A matrix in the device's memory: padded rows, canaries in the padding and around the whole, values given and taken as
// float whatever the element type. With `shift` its first element is off its alignment by that many elements. Under the
// checker nothing is around the whole: it says who goes there, where a canary only says that somebody has been.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/math/bf16.h"
#include "tests/support/device_test.h"
#include "tests/support/random_values.h"

namespace plait::testing {

template <class T>
std::vector<T> rounded(const std::vector<float>& values) {
  std::vector<T> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[i] = from_float<T>(values[i]);
  return result;
}

// What T makes of a value: the number that the kernel sees.
template <class T>
std::vector<float> as_seen(std::vector<float> values) {
  for (float& v : values) v = to_float(from_float<T>(v));
  return values;
}

template <class T>
class DeviceMatrix {
 public:
  // Every element a NaN: what a kernel forgets to write, or reads too much, shows.
  DeviceMatrix(std::int64_t rows, std::int64_t columns, cudaStream_t stream, std::int64_t padding = 0,
               std::int64_t shift = 0)
      : DeviceMatrix(
            rows, columns,
            std::vector<float>(static_cast<std::size_t>(rows * columns), std::numeric_limits<float>::quiet_NaN()),
            stream, padding, shift) {}

  // values[rows * columns], contiguous.
  DeviceMatrix(std::int64_t rows, std::int64_t columns, const std::vector<float>& values, cudaStream_t stream,
               std::int64_t padding = 0, std::int64_t shift = 0)
      : rows_(rows),
        columns_(columns),
        stride_(columns + padding),
        guard_(reports_wrong_addresses() ? 0 : 16),  // a multiple of 16 bytes in every element type
        front_(guard_ + shift),
        memory_(
            [&] {
              std::vector<T> all(static_cast<std::size_t>(front_ + rows * stride_ + guard_), from_float<T>(canary));
              for (std::int64_t i = 0; i < rows * columns; ++i)
                all[index(i)] = from_float<T>(values[static_cast<std::size_t>(i)]);
              return all;
            }(),
            stream) {}

  static DeviceMatrix random(std::int64_t rows, std::int64_t columns, std::uint32_t seed, cudaStream_t stream,
                             std::int64_t padding = 0, std::int64_t shift = 0) {
    return DeviceMatrix(rows, columns, random_values<float>(rows * columns, seed), stream, padding, shift);
  }

  T* data() const { return memory_.data() + front_; }
  std::int64_t stride() const { return stride_; }

  // The elements only, contiguous; waits for the stream.
  std::vector<float> values() const {
    const std::vector<T> all = memory_.host();
    std::vector<float> result;
    for (std::int64_t i = 0; i < rows_ * columns_; ++i) result.push_back(to_float(all[index(i)]));
    return result;
  }

  bool canaries_intact() const {
    const std::vector<T> all = memory_.host();
    const T expected = from_float<T>(canary);
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(all.size()); ++i) {
      const std::int64_t inside = i - front_;
      const bool element = inside >= 0 && inside < rows_ * stride_ && inside % stride_ < columns_;
      if (!element && std::memcmp(&all[static_cast<std::size_t>(i)], &expected, sizeof(T)) != 0) return false;
    }
    return true;
  }

 private:
  static constexpr float canary = -123456.0f;
  std::size_t index(std::int64_t element) const {
    return static_cast<std::size_t>(front_ + element / columns_ * stride_ + element % columns_);
  }

  std::int64_t rows_, columns_, stride_, guard_, front_;
  DeviceArray<T> memory_;
};

// Both NaN-proof: a NaN is equal and near to nothing.
inline ::testing::AssertionResult all_near(const std::vector<float>& actual, const std::vector<double>& expected,
                                           double relative, double absolute) {
  if (actual.size() != expected.size())
    return ::testing::AssertionFailure() << actual.size() << " elements against " << expected.size();
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(actual[i]) - expected[i]);
    if (!(difference <= relative * std::fabs(expected[i]) + absolute))
      return ::testing::AssertionFailure() << "element " << i << " of " << actual.size() << ": " << actual[i]
                                           << " against " << expected[i] << ", difference " << difference;
  }
  return ::testing::AssertionSuccess();
}

inline ::testing::AssertionResult all_equal(const std::vector<float>& actual, const std::vector<float>& expected) {
  if (actual.size() != expected.size())
    return ::testing::AssertionFailure() << actual.size() << " elements against " << expected.size();
  for (std::size_t i = 0; i < actual.size(); ++i)
    if (!(actual[i] == expected[i]))
      return ::testing::AssertionFailure()
             << "element " << i << " of " << actual.size() << ": " << actual[i] << " against " << expected[i];
  return ::testing::AssertionSuccess();
}

}  // namespace plait::testing
