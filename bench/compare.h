// What the benchmark programs share: ours and a rival run interleaved in one program on the same operands and threads,
// and every line says how far from the machine's roofline it stayed.
//
//   dense_forward/f32/32x256x128            ours
//   dense_forward/f32/32x256x128/openblas   the rival; ratios.py divides the two medians
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <string>

namespace plait::bench {

// One timed call. flops and bytes are what the operation needs at least: every operand once.
void add(const std::string& name, double flops, double bytes, std::function<void()> call);

// Sets the threads, measures the roofline, and runs what add_all adds (rivals plan for the number of threads that they
// find when they are added). Understands --threads=N (default: all processors) besides Google Benchmark's own flags;
// unless told otherwise, 7 repetitions in random order.
int run(int argc, char** argv, void (*add_all)());

// 64-byte aligned memory, random values in [-1, 1) where asked for.
class Buffer {
 public:
  explicit Buffer(std::int64_t count, bool random = false);
  float* data() { return static_cast<float*>(memory_.get()); }
  operator float*() { return data(); }

 private:
  struct Free {
    void operator()(void* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  std::unique_ptr<void, Free> memory_;
};

using Shared = std::shared_ptr<Buffer>;
inline Shared buffer(std::int64_t count) {
  return std::make_shared<Buffer>(count);
}
inline Shared random_buffer(std::int64_t count) {
  return std::make_shared<Buffer>(count, true);
}
inline Shared scratch(std::size_t bytes) {
  return buffer(static_cast<std::int64_t>(bytes / sizeof(float)) + 1);
}

}  // namespace plait::bench
