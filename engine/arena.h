// Bump allocator for everything that lives as long as one step: activations, gradients, scratch, in the memory of the
// device that computes. After the first steps it owns one block that fits, and a step allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/device.h"
#include "engine/tensor.h"

namespace plait {

class Trace;

class Arena {
 public:
  static constexpr std::size_t alignment = 64;

  explicit Arena(const Device& device = {}) : device_(device), stream_(device.stream()) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  const Device& device() const { return device_; }
  bool on_gpu() const { return device_.is_gpu(); }
  // Where kernels that use this memory are enqueued: the device's main stream, or the branch that is being recorded.
  cudaStream_t stream() const { return stream_; }
  // Branches run side by side: while there may be any, scratch is not given back for others to use before reset().
  void set_stream(cudaStream_t stream) { stream_ = stream; }
  void keep_scratch(bool keep) { keeps_scratch_ = keep; }

  // The op that takes memory, and whether it goes back (engine/op_scope.h, Tape::backward): for errors. Null: none.
  void set_op(const char* op) { op_ = op; }
  const char* op() const { return op_; }
  void set_backward(bool backward) { backward_ = backward; }
  // Where ops on the CPU leave their spans; null: nowhere.
  void set_trace(Trace* trace) { trace_ = trace; }
  Trace* trace() const { return trace_; }

  // `size` bytes, aligned to 64, contents undefined; null for 0 bytes. Throws OutOfMemory, naming op and tensor.
  void* bytes(std::size_t size) { return take(size, nullptr); }

  template <class T>
  T* array(std::int64_t count) {
    return static_cast<T*>(bytes(static_cast<std::size_t>(count) * sizeof(T)));
  }

  // A tensor with rows padded to 16 bytes, contents undefined.
  Tensor tensor(const Shape& shape, DType dtype);

  // A tensor of the same shape, type and row stride.
  Tensor like(const Tensor& other);

  // Everything handed out becomes invalid. Blocks that an earlier step needed are merged into one.
  void reset();

  // As reset(); and all memory goes back to the system.
  void clear();

  std::size_t capacity() const;                                    // bytes owned
  std::int64_t block_allocations() const { return allocations_; }  // how often memory was asked from the system

  // A place to return to: scratch taken after mark() is given back by release(), last in, first out.
  struct Mark {
    std::size_t block = 0, used = 0, before = 0;
  };
  Mark mark() const { return {current_, used_, before_}; }
  void release(const Mark& mark);

 private:
  struct Block {
    std::shared_ptr<std::byte> memory;
    std::size_t size;
  };
  void* take(std::size_t size, const Tensor* tensor);
  void add_block(std::size_t at_least, const Tensor* tensor);

  std::vector<Block> blocks_;
  std::size_t current_ = 0;  // index of the block in use
  std::size_t used_ = 0;     // bytes taken from it
  std::size_t before_ = 0;   // and from the blocks before it
  std::size_t most_ = 0;     // that were in use at once: a block of so many bytes fits
  std::int64_t allocations_ = 0;
  std::uint64_t generation_ = 0;
  Device device_;
  cudaStream_t stream_;
  bool keeps_scratch_ = false;
  const char* op_ = nullptr;
  bool backward_ = false;
  Trace* trace_ = nullptr;
};

// Scratch of one kernel call, given back at the end of the scope.
class Scratch {
 public:
  Scratch(Arena& arena, std::size_t size) : arena_(arena), mark_(arena.mark()), data_(arena.bytes(size)) {}
  ~Scratch() { arena_.release(mark_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* data() const { return data_; }

 private:
  Arena& arena_;
  Arena::Mark mark_;
  void* data_;
};

}  // namespace plait
