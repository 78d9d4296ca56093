// All parameters of a model in one flat buffer, their gradients in a second one of the same layout: the optimizer is
// one launch, a range is a communication bucket, a checkpoint is a copy.
//
// Layout: decayed parameters (weight matrices, kernels, the attention vector) first, biases after them, so that weight
// decay is one range. Every slice starts at a multiple of 64 bytes, rows are padded to 8 elements, all padding is and
// stays zero. On a GPU that computes in bf16 a third buffer of the same layout holds the decayed values rounded: the
// forward and backward passes read it, the optimizer keeps it up to date, the values themselves stay fp32.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/device.h"
#include "engine/tensor.h"

namespace plait {

enum class Init {
  zeros,
  he_uniform,      // U(-b, b), b = sqrt(6 / fan_in): in front of a ReLU (He et al. 2015)
  glorot_uniform,  // U(-b, b), b = sqrt(6 / (fan_in + fan_out)) (Glorot, Bengio 2010)
};

struct Parameter {
  int index = -1;
  std::string name;
  Shape shape;
  Init init = Init::zeros;
  bool decayed = false;
  std::int64_t offset = 0;      // of the first element in the flat buffers
  std::int64_t row_stride = 0;  // elements
  std::int64_t count() const { return shape.count(); }
};

class ParameterStore {
 public:
  explicit ParameterStore(DType dtype = DType::f32) : dtype_(dtype) {}

  // Declares a parameter; returns its index. Only before allocate().
  int add(std::string name, const Shape& shape, Init init, bool decayed);

  // Lays out the flat buffers and draws the initial values from the seed (Philox, by parameter and element).
  // buffers: how many of this layout there will be in all, those of an optimizer included. What the machine cannot hold
  // is refused before anything is allocated (engine/parameter_memory.h).
  void allocate(std::uint64_t seed, std::int64_t buffers = 2);

  int size() const { return static_cast<int>(parameters_.size()); }
  const Parameter& parameter(int index) const { return parameters_[static_cast<std::size_t>(index)]; }
  int find(const std::string& name) const;  // -1 when there is none

  // On the host, for readers and writers of files. On a GPU: the image that download() refreshes and upload() carries
  // back.
  Tensor value(int index) const;
  // Where the model computes.
  Tensor compute_value(int index) const;
  Tensor gradient(int index) const;

  // Values and gradients go to a device and stay there.
  void move_to(const Device& device);
  const Device& device() const { return device_; }
  void clear_gradients() { gradients_.set_zero(); }
  void download() { values_.download(); }
  void upload();

  // What the model computes in; bf16 on a GPU only, behind move_to().
  void compute_in(DType dtype);
  DType compute_dtype() const { return copy_.empty() ? dtype_ : DType::bf16; }
  bf16* value_copy() const { return static_cast<bf16*>(copy_.data()); }  // null without
  void refresh_copy();                                                   // after the values were changed as a whole

  DType dtype() const { return dtype_; }
  std::int64_t flat_count() const { return flat_count_; }        // elements of a flat buffer, padding included
  std::int64_t decayed_count() const { return decayed_count_; }  // of its first, decayed part
  std::int64_t parameter_count() const;                          // without padding: what a paper would print

  void* values() const { return values_.host(); }  // as value()
  void* compute_values() const { return values_.data(); }
  void* gradients() const { return gradients_.data(); }  // where the model computes
  Buffer& value_buffer() { return values_; }
  std::size_t flat_bytes() const { return static_cast<std::size_t>(flat_count_) * dtype_size(dtype_); }

  // The parameter and the element's index within it for an element of the flat buffers; {-1, 0} for padding between
  // slices.
  struct Place {
    int parameter = -1;
    std::int64_t element = 0;
  };
  Place place(std::int64_t flat_index) const;

 private:
  Tensor slice(int index, void* base, DType dtype) const;
  void initialise(std::uint64_t seed);

  DType dtype_;
  std::vector<Parameter> parameters_;
  std::int64_t flat_count_ = 0, decayed_count_ = 0;
  Device device_;
  Buffer values_, gradients_, copy_;
};

}  // namespace plait
