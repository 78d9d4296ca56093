// Memory of the device, filled, poisoned, compared. An Array is a handle: copies share the memory, the last one frees
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "bench/gpu/case.h"
#include "kernels/gpu_runtime.h"
#include "kernels/math/bf16.h"

namespace plait::bench {

template <class T>
class Array {
 public:
  explicit Array(std::int64_t count)
      : count_(count), memory_(static_cast<T*>(gpu::allocate(static_cast<std::size_t>(count) * sizeof(T))), [](T* p) {
          gpu::release(p);
        }) {}
  Array(const std::vector<T>& host, cudaStream_t stream) : Array(static_cast<std::int64_t>(host.size())) {
    gpu::copy_to_device(memory_.get(), host.data(), bytes(), stream);
    gpu::synchronize(stream);
  }
  T* data() const { return memory_.get(); }
  operator T*() const { return memory_.get(); }
  std::int64_t count() const { return count_; }
  std::size_t bytes() const { return static_cast<std::size_t>(count_) * sizeof(T); }
  Output output() const { return {memory_.get(), count_, sizeof(T)}; }
  std::vector<T> host(cudaStream_t stream) const {
    std::vector<T> all(static_cast<std::size_t>(count_));
    gpu::copy_to_host(all.data(), memory_.get(), bytes(), stream);
    gpu::synchronize(stream);
    return all;
  }

 private:
  std::int64_t count_;
  std::shared_ptr<T> memory_;
};

using Scratch = Array<std::byte>;

// Independent normal deviates of mean 0; the same for the same seed.
template <class T>
void fill_normal(std::int64_t count, std::uint32_t seed, float deviation, T* to, cudaStream_t stream);

template <class T>
Array<T> normal_array(std::int64_t count, std::uint32_t seed, cudaStream_t stream, float deviation = 1.0f) {
  Array<T> x(count);
  fill_normal<T>(count, seed, deviation, x, stream);
  return x;
}

// Every bit set: a NaN in float and bf16, and no index that a kernel would write.
void poison(const Output& output, cudaStream_t stream);
std::int64_t count_poisoned(const Output& output, cudaStream_t stream);  // what nobody has written
std::uint64_t fingerprint(const Output& output, cudaStream_t stream);

// After a failure: forgets it where that is possible. False when the device answers no more (an illegal address ends
// every later call).
bool device_is_alive();

// How many sets of operands it takes for a round through them to leave nothing in the L2 (50 to 60 MB), at most 512.
inline int sets_for(double bytes_of_one, bool small) {
  if (small) return 2;
  const double sets = 160e6 / (bytes_of_one > 1 ? bytes_of_one : 1) + 2;
  return sets > 512 ? 512 : static_cast<int>(sets);
}

}  // namespace plait::bench
