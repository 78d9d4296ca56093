#include "engine/parameters.h"

#include <cmath>

#include "engine/error.h"
#include "engine/parameter_memory.h"
#include "kernels/math/philox.h"

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
      p.row_stride = vector ? 1 : padded_stride(p.shape.columns(), dtype_);
      p.offset = flat_count_;
      flat_count_ += (p.shape.rows() * p.row_stride + per_slice - 1) / per_slice * per_slice;
    }
    if (decayed) decayed_count_ = flat_count_;
  }
  values_ = Buffer(flat_bytes());
  gradients_ = Buffer(flat_bytes());
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

Tensor ParameterStore::slice(int index, void* base) const {
  check(!values_.empty(), "[parameters] used before allocate");
  const Parameter& p = parameter(index);
  Tensor t;
  t.data = static_cast<std::byte*>(base) + static_cast<std::size_t>(p.offset) * dtype_size(dtype_);
  t.dtype = dtype_;
  t.shape = p.shape;
  t.row_stride = p.row_stride;
  return t;
}

Tensor ParameterStore::value(int index) const {
  return slice(index, values());
}
Tensor ParameterStore::compute_value(int index) const {
  return slice(index, compute_values());
}
void ParameterStore::move_to(const Device& device) {
  device_ = device;
  values_.move_to(device);
  gradients_.move_to(device);
}

Tensor ParameterStore::gradient(int index) const {
  return slice(index, gradients());
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
