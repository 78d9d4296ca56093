#include "engine/arena.h"

#include <algorithm>
#include <new>
#include <string>

#include "engine/error.h"

namespace plait {
namespace {

constexpr std::size_t smallest_block = std::size_t{1} << 20;

std::shared_ptr<std::byte> allocate_block(const Device& device, std::size_t size) {
  if (device.is_gpu())
    return {static_cast<std::byte*>(gpu::allocate(size)), [](std::byte* memory) { gpu::release(memory); }};
  auto* memory = static_cast<std::byte*>(::operator new (size, std::align_val_t{Arena::alignment}, std::nothrow));
  if (memory == nullptr) return nullptr;
  return {memory, [](std::byte* block) { ::operator delete (block, std::align_val_t{Arena::alignment}); }};
}

std::size_t rounded(std::size_t size) {
  return (size + Arena::alignment - 1) / Arena::alignment * Arena::alignment;
}

}  // namespace

void Arena::add_block(std::size_t at_least) {
  const std::size_t size = std::max({at_least, smallest_block, capacity() / 2});
  std::shared_ptr<std::byte> memory = allocate_block(device_, size);
  if (memory == nullptr)
    fail_device("out of memory: a step needs " + std::to_string((capacity() + size) >> 20) +
                " MiB; choose a smaller train.batch_size");
  blocks_.push_back({std::move(memory), size});
  ++allocations_;
}

void* Arena::bytes(std::size_t size) {
  if (size == 0) return nullptr;
  size = rounded(size);
  while (current_ < blocks_.size() && used_ + size > blocks_[current_].size) {
    ++current_;
    used_ = 0;
  }
  if (current_ == blocks_.size()) {
    add_block(size);
    used_ = 0;
  }
  std::byte* start = blocks_[current_].memory.get() + used_;
  used_ += size;
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
  t.data = bytes(static_cast<std::size_t>(other.rows() * other.row_stride) * dtype_size(other.dtype));
  t.arena_generation = &generation_;
  t.generation = generation_;
  return t;
}

void Arena::reset() {
  if (blocks_.size() > 1) {
    const std::size_t total = capacity();
    blocks_.clear();
    add_block(total);
  }
  current_ = 0;
  used_ = 0;
  ++generation_;
}

void Arena::release(const Mark& mark) {
  if (keeps_scratch_) return;
  current_ = mark.block;
  used_ = mark.used;
}

std::size_t Arena::capacity() const {
  std::size_t total = 0;
  for (const Block& block : blocks_) total += block.size;
  return total;
}

}  // namespace plait
