// A matrix whose rows are padded, with canaries in the padding and around the whole: a kernel that writes outside its
// elements is caught.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

#include "tests/support/random_values.h"

namespace plait {

template <class T>
class PaddedMatrix {
 public:
  // Elements start as canaries too: what a kernel forgets to write is no plausible number.
  PaddedMatrix(std::int64_t rows, std::int64_t columns, std::int64_t padding = 3)
      : rows_(rows), columns_(columns), stride_(columns + padding), bytes_(index(guard + rows * stride_ + guard)) {
    std::fill(bytes_.begin(), bytes_.end(), canary);
  }

  // Same values, other element type.
  template <class U>
  explicit PaddedMatrix(const PaddedMatrix<U>& other)
      : PaddedMatrix(other.rows(), other.columns(), other.stride() - other.columns()) {
    for (std::int64_t r = 0; r < rows_; ++r)
      for (std::int64_t c = 0; c < columns_; ++c) (*this)(r, c) = static_cast<T>(other(r, c));
  }

  static PaddedMatrix random(std::int64_t rows, std::int64_t columns, std::uint32_t seed, double low = -1.0,
                             double high = 1.0, std::int64_t padding = 3) {
    PaddedMatrix x(rows, columns, padding);
    const std::vector<T> values = random_values<T>(rows * columns, seed, low, high);
    for (std::int64_t i = 0; i < rows * columns; ++i) x(i / columns, i % columns) = values[static_cast<std::size_t>(i)];
    return x;
  }

  T* data() { return bytes_.data() + guard; }
  const T* data() const { return bytes_.data() + guard; }
  T* row(std::int64_t r) { return data() + r * stride_; }
  const T* row(std::int64_t r) const { return data() + r * stride_; }
  T& operator()(std::int64_t r, std::int64_t c) { return row(r)[c]; }
  const T& operator()(std::int64_t r, std::int64_t c) const { return row(r)[c]; }
  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  std::int64_t stride() const { return stride_; }

  void fill_row(std::int64_t r, T value) {
    for (std::int64_t c = 0; c < columns_; ++c) (*this)(r, c) = value;
  }
  void fill(T value) {
    for (std::int64_t r = 0; r < rows_; ++r) fill_row(r, value);
  }

  bool canaries_intact() const {
    const std::int64_t size = static_cast<std::int64_t>(bytes_.size());
    for (std::int64_t i = 0; i < size; ++i) {
      const std::int64_t inside = i - guard;
      const bool element = inside >= 0 && inside < rows_ * stride_ && inside % stride_ < columns_;
      if (!element && bytes_[index(i)] != canary) return false;
    }
    return true;
  }

  // The elements only, contiguous; for comparisons by ==, which holds for equal bits (no NaN, no zeros of two signs).
  std::vector<T> values() const {
    std::vector<T> all;
    for (std::int64_t r = 0; r < rows_; ++r) all.insert(all.end(), row(r), row(r) + columns_);
    return all;
  }

 private:
  static constexpr std::int64_t guard = 16;
  static constexpr T canary = std::is_floating_point_v<T> ? static_cast<T>(-123456) : static_cast<T>(0xA5);
  static std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

  std::int64_t rows_, columns_, stride_;
  std::vector<T> bytes_;
};

}  // namespace plait
