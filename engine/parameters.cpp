#include "engine/parameters.h"

#include <cmath>

#include "engine/error.h"
#include "engine/out_of_memory.h"
#include "engine/parameter_memory.h"
#include "kernels/math/philox.h"
#include "kernels/select_rows.h"

namespace plait {
namespace {

double init_bound(const Parameter& p) {
  const auto fan_in = static_cast<double>(p.shape.columns());
  const auto fan_out = static_cast<double>(p.shape.rows());
  switch (p.init) {
    case Init::he_uniform:
      return std::sqrt(6.0 / fan_in);
    case Init::glorot_uniform:
      return std::sqrt(6.0 / (fan_in + fan_out));
    case Init::zeros:
      break;
  }
  return 0.0;
}

}  // namespace

int ParameterStore::add(std::string name, const Shape& shape, Init init, bool decayed) {
  check(values_.empty(), "[parameters] add after allocate");
  check(find(name) < 0, "[parameters] two parameters of the same name");
  const int index = size();
  parameters_.push_back({.index = index, .name = std::move(name), .shape = shape, .init = init, .decayed = decayed});
  return index;
}

void ParameterStore::allocate(std::uint64_t seed, std::int64_t buffers) {
  check(values_.empty(), "[parameters] allocate called twice");
  check_parameter_memory(parameters_, dtype_, buffers, memory_limit_bytes());
  const auto per_slice = static_cast<std::int64_t>(64 / dtype_size(dtype_));
  for (const bool decayed : {true, false}) {
    for (Parameter& p : parameters_) {
      if (p.decayed != decayed) continue;
      // A vector is one row: its elements lie next to each other.
      const bool vector = p.shape.rank() == 1;
      p.row_stride = vector ? 1 : parameter_stride(p.shape.columns());
      p.offset = flat_count_;
      flat_count_ += (p.shape.rows() * p.row_stride + per_slice - 1) / per_slice * per_slice;
    }
    if (decayed) decayed_count_ = flat_count_;
  }
  values_ = Buffer(flat_bytes(), {}, "the buffer of all parameters");
  gradients_ = Buffer(flat_bytes(), {}, "the buffer of all gradients");
  initialise(seed);
}

void ParameterStore::initialise(std::uint64_t seed) {
  for (const Parameter& p : parameters_) {
    const double bound = init_bound(p);
    if (bound == 0.0) continue;
    dispatch_float(dtype_, [&]<class T>(T) {
      T* data = value(p.index).as<T>();
      std::uint32_t element = 0;
      for (std::int64_t r = 0; r < p.shape.rows(); ++r)
        for (std::int64_t c = 0; c < p.shape.columns(); ++c, ++element) {
          const std::uint32_t word =
              random_word(seed, element, static_cast<std::uint32_t>(p.index), 0, random_site(Purpose::initialise, 0));
          data[r * p.row_stride + c] = static_cast<T>(static_cast<float>((2.0 * random_uniform(word) - 1.0) * bound));
        }
    });
  }
}

int ParameterStore::find(const std::string& name) const {
  for (const Parameter& p : parameters_)
    if (p.name == name) return p.index;
  return -1;
}

Tensor ParameterStore::slice(int index, void* base, DType dtype) const {
  check(!values_.empty(), "[parameters] used before allocate");
  const Parameter& p = parameter(index);
  Tensor t;
  t.data = static_cast<std::byte*>(base) + static_cast<std::size_t>(p.offset) * dtype_size(dtype);
  t.dtype = dtype;
  t.shape = p.shape;
  t.row_stride = p.row_stride;
  return t;
}

Tensor ParameterStore::value(int index) const {
  return slice(index, values(), dtype_);
}
Tensor ParameterStore::compute_value(int index) const {
  if (!copy_.empty() && parameter(index).decayed) return slice(index, copy_.data(), DType::bf16);
  return slice(index, compute_values(), dtype_);
}
Tensor ParameterStore::gradient(int index) const {
  return slice(index, gradients(), dtype_);
}

void ParameterStore::move_to(const Device& device) {
  if (!device.is_gpu()) copy_ = Buffer();
  device_ = device;
  try {
    values_.move_to(device);
    gradients_.move_to(device);
    copy_.move_to(device);
  } catch (const OutOfMemory& error) {
    const Parameter& p = largest_parameter(parameters_);
    throw error.with_advice("the largest tensor in it is " + p.name + " " + to_string(p.shape) + ": " +
                            OutOfMemory::smaller_model);
  }
}

void ParameterStore::upload() {
  values_.upload();
  refresh_copy();
}

void ParameterStore::compute_in(DType dtype) {
  check(dtype == dtype_ || (dtype == DType::bf16 && device_.is_gpu() && dtype_ == DType::f32),
        "[parameters] only a GPU computes in bf16");
  copy_ = dtype == DType::bf16
              ? Buffer(static_cast<std::size_t>(flat_count_) * sizeof(bf16), device_, "the bf16 copy of the parameters")
              : Buffer();
  refresh_copy();
}

void ParameterStore::refresh_copy() {
  if (copy_.empty()) return;
  const SelectRowsParams all{.batch = 1, .columns = flat_count_, .x_stride = flat_count_, .y_stride = flat_count_};
  gpu::select_rows_rounded(all, nullptr, static_cast<const float*>(compute_values()), value_copy(), device_.stream());
}

std::int64_t ParameterStore::parameter_count() const {
  std::int64_t total = 0;
  for (const Parameter& p : parameters_) total += p.count();
  return total;
}

ParameterStore::Place ParameterStore::place(std::int64_t flat_index) const {
  for (const Parameter& p : parameters_) {
    const std::int64_t inside = flat_index - p.offset;
    if (inside < 0 || inside >= p.shape.rows() * p.row_stride) continue;
    const std::int64_t row = inside / p.row_stride, column = inside % p.row_stride;
    if (column >= p.shape.columns()) return {};
    return {p.index, row * p.shape.columns() + column};
  }
  return {};
}

}  // namespace plait
