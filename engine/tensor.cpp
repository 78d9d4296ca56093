#include "engine/tensor.h"

#include "engine/error.h"

namespace plait {

Shape::Shape(std::initializer_list<std::int64_t> dims) {
  check(dims.size() <= dims_.size(), "[shape] at most 4 dimensions");
  for (const std::int64_t dim : dims) dims_[static_cast<std::size_t>(rank_++)] = dim;
}

std::int64_t Shape::columns() const {
  std::int64_t product = 1;
  for (int i = 1; i < rank_; ++i) product *= (*this)[i];
  return product;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

std::int64_t padded_stride(std::int64_t columns, DType dtype) {
  const auto step = static_cast<std::int64_t>(16 / dtype_size(dtype));
  return (columns + step - 1) / step * step;
}

std::int64_t parameter_stride(std::int64_t columns) {
  return (columns + 7) / 8 * 8;
}

Tensor Tensor::flattened() const {
  Tensor matrix = *this;
  matrix.shape = Shape{rows(), columns()};
  return matrix;
}

void Tensor::check_use(DType wanted) const {
  check(dtype == wanted, "[tensor] read as another type than it holds");
  check(arena_generation == nullptr || *arena_generation == generation, "[tensor] used after its arena was reset");
}

}  // namespace plait
