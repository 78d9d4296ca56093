#include "engine/arena.h"

#include <algorithm>
#include <new>
#include <optional>
#include <string>

#include "engine/out_of_memory.h"
#include "kernels/out_of_memory.h"

namespace plait {
namespace {

constexpr std::size_t smallest_block = std::size_t{1} << 20;

// Null where there is no room; free: how much there is, where the device tells.
std::shared_ptr<std::byte> allocate_block(const Device& device, std::size_t size, std::optional<std::size_t>& free) {
  if (device.is_gpu()) {
    try {
      return {static_cast<std::byte*>(gpu::allocate(size)), [](std::byte* memory) { gpu::release(memory); }};
    } catch (const gpu::OutOfMemory& failure) {
      free = failure.free();
      return nullptr;
    }
  }
  auto* memory = static_cast<std::byte*>(::operator new (size, std::align_val_t{Arena::alignment}, std::nothrow));
  if (memory == nullptr) return nullptr;
  return {memory, [](std::byte* block) { ::operator delete (block, std::align_val_t{Arena::alignment}); }};
}

std::size_t rounded(std::size_t size) {
  return (size + Arena::alignment - 1) / Arena::alignment * Arena::alignment;
}

}  // namespace

// With room for what comes next; where there is none, what is asked for will do.
void Arena::add_block(std::size_t at_least, const Tensor* tensor) {
  std::optional<std::size_t> free;
  for (const std::size_t size : {std::max({at_least, smallest_block, capacity() / 2}), at_least}) {
    std::shared_ptr<std::byte> memory = allocate_block(device_, size, free);
    if (memory == nullptr) continue;
    blocks_.push_back({std::move(memory), size});
    ++allocations_;
    return;
  }
  std::string what = tensor != nullptr ? to_string(tensor->shape) + " " + dtype_name(tensor->dtype) : "scratch";
  if (op_ != nullptr) what += std::string(backward_ ? " in the backward pass of " : " of ") + op_;
  const OutOfMemory error({.what = what,
                           .asked = at_least,
                           .free = free,
                           .beside = "beside the " + std::to_string(capacity()) + " that its step holds"});
  if (device_.is_gpu()) throw error;
  throw error.with_advice("choose a smaller train.batch_size");
}

void* Arena::take(std::size_t size, const Tensor* tensor) {
  if (size == 0) return nullptr;
  size = rounded(size);
  while (current_ < blocks_.size() && used_ + size > blocks_[current_].size) {
    ++current_;
    before_ += used_;
    used_ = 0;
  }
  if (current_ == blocks_.size()) {
    add_block(size, tensor);
    used_ = 0;
  }
  std::byte* start = blocks_[current_].memory.get() + used_;
  used_ += size;
  most_ = std::max(most_, before_ + used_);
  return start;
}

Tensor Arena::tensor(const Shape& shape, DType dtype) {
  Tensor t;
  t.dtype = dtype;
  t.shape = shape;
  t.row_stride = padded_stride(shape.columns(), dtype);
  return like(t);
}

Tensor Arena::like(const Tensor& other) {
  Tensor t = other;
  t.data = take(static_cast<std::size_t>(other.rows() * other.row_stride) * dtype_size(other.dtype), &other);
  t.arena_generation = &generation_;
  t.generation = generation_;
  return t;
}

void Arena::reset() {
  if (blocks_.size() > 1) {
    blocks_.clear();
    add_block(most_, nullptr);
  }
  current_ = 0;
  used_ = before_ = 0;
  ++generation_;
}

void Arena::clear() {
  blocks_.clear();
  reset();
}

void Arena::release(const Mark& mark) {
  if (keeps_scratch_) return;
  current_ = mark.block;
  used_ = mark.used;
  before_ = mark.before;
}

std::size_t Arena::capacity() const {
  std::size_t total = 0;
  for (const Block& block : blocks_) total += block.size;
  return total;
}

}  // namespace plait
