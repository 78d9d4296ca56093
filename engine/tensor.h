// A tensor is a view: pointer, type, shape and the distance between rows. It owns nothing; memory belongs to an arena,
// a flat parameter buffer or the loader.
//
// Layout: everything below dimension 0 is contiguous; consecutive indices of dimension 0 ("rows": patients, output
// channels) lie `row_stride` elements apart, padded to 16 bytes where plait allocates. So a batch of images [n, h, w,
// c] is also the matrix [n, h*w*c], and flattening is a change of shape, not a copy.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "engine/dtype.h"

namespace plait {

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims);

  int rank() const { return rank_; }
  std::int64_t operator[](int i) const { return dims_[static_cast<std::size_t>(i)]; }
  std::int64_t rows() const { return rank_ == 0 ? 1 : dims_[0]; }
  std::int64_t columns() const;  // product of all dimensions but the first
  std::int64_t count() const { return rows() * columns(); }
  std::vector<std::int64_t> dims() const { return {dims_.begin(), dims_.begin() + rank_}; }
  bool operator==(const Shape&) const = default;

 private:
  std::array<std::int64_t, 4> dims_{};
  int rank_ = 0;
};

std::string to_string(const Shape& shape);  // "[64, 28, 28, 1]"

// Elements between rows of `columns` elements: the next multiple of 16 bytes.
std::int64_t padded_stride(std::int64_t columns, DType dtype);
// Of parameters: the next multiple of 8 elements, so that a bf16 copy in the same layout is aligned as well.
std::int64_t parameter_stride(std::int64_t columns);

struct Tensor {
  void* data = nullptr;
  DType dtype = DType::f32;
  Shape shape;
  std::int64_t row_stride = 0;

  // Set by the arena: the tensor is stale once the arena's generation has moved on. Checked by as<T>() in debug builds.
  const std::uint64_t* arena_generation = nullptr;
  std::uint64_t generation = 0;

  bool empty() const { return data == nullptr; }
  std::int64_t rows() const { return shape.rows(); }
  std::int64_t columns() const { return shape.columns(); }

  template <class T>
  T* as() const {
#ifndef NDEBUG
    check_use(dtype_of<T>());
#endif
    return static_cast<T*>(data);
  }

  // The same memory as a matrix [rows, columns].
  Tensor flattened() const;

  void check_use(DType wanted) const;  // throws when the type differs or the arena was reset
};

}  // namespace plait
