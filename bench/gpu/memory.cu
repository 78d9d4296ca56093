// Kernels behind memory.h: none of them is timed.
#include "bench/gpu/memory.h"

#include "kernels/launch.h"
#include "kernels/math/philox.h"

namespace plait::bench {
namespace {

constexpr int threads = 256;

unsigned blocks(std::int64_t count) {
  return blocks_for(count < (std::int64_t{1} << 30) ? count : std::int64_t{1} << 30, threads);
}

// Box and Muller: two words make one deviate here.
template <class T>
__global__ void __launch_bounds__(threads)
    normal_kernel(std::int64_t count, std::uint32_t seed, float deviation, T* to) {
  const std::int64_t step = std::int64_t{gridDim.x} * threads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < count; i += step) {
    const Philox4 words = philox4x32(
        {{static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(i >> 32), seed, 0xBE9C4u}}, seed, 0x9A17u);
    const float radius = sqrtf(-2.0f * logf((static_cast<float>(words.word[0] >> 8) + 1.0f) * 0x1p-24f));
    to[i] = from_float<T>(deviation * radius * cosf(6.2831853f * random_uniform(words.word[1])));
  }
}

template <class Word>
__global__ void __launch_bounds__(threads) poison_kernel(std::int64_t count, Word* to) {
  const std::int64_t step = std::int64_t{gridDim.x} * threads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < count; i += step)
    to[i] = static_cast<Word>(~Word{0});
}

// found[0] += poisoned elements; found[1] += a sum over mixed (index, value) pairs. Sums of integers: no order.
template <class Word>
__global__ void __launch_bounds__(threads)
    inspect_kernel(std::int64_t count, const Word* from, unsigned long long* found) {
  unsigned long long poisoned = 0, mixed = 0;
  const std::int64_t step = std::int64_t{gridDim.x} * threads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < count; i += step) {
    const Word value = from[i];
    if (value == static_cast<Word>(~Word{0})) ++poisoned;
    unsigned long long x = static_cast<unsigned long long>(value) + 0x9E3779B97F4A7C15ull * static_cast<unsigned>(i);
    x = (x ^ (x >> 29)) * 0xBF58476D1CE4E5B9ull;
    mixed += x ^ (x >> 32);
  }
  if (poisoned != 0) atomicAdd(found, poisoned);
  atomicAdd(found + 1, mixed);
}

// Calls f with a pointer to words of the element's size.
template <class F>
void as_words(const Output& output, F f) {
  if (output.element == 1) f(static_cast<std::uint8_t*>(output.data));
  if (output.element == 2) f(static_cast<std::uint16_t*>(output.data));
  if (output.element == 4) f(static_cast<std::uint32_t*>(output.data));
  if (output.element == 8) f(static_cast<std::uint64_t*>(output.data));
}

std::vector<unsigned long long> inspect(const Output& output, cudaStream_t stream) {
  const Array<unsigned long long> found(std::vector<unsigned long long>(2, 0), stream);
  as_words(output, [&]<class Word>(const Word* words) {
    launch(inspect_kernel<Word>, std::min(4096u, blocks(output.count)), threads, 0, stream, output.count, words,
           found.data());
  });
  return found.host(stream);
}

}  // namespace

template <class T>
void fill_normal(std::int64_t count, std::uint32_t seed, float deviation, T* to, cudaStream_t stream) {
  launch(normal_kernel<T>, std::min(8192u, blocks(count)), threads, 0, stream, count, seed, deviation, to);
}
template void fill_normal<float>(std::int64_t, std::uint32_t, float, float*, cudaStream_t);
template void fill_normal<bf16>(std::int64_t, std::uint32_t, float, bf16*, cudaStream_t);

void poison(const Output& output, cudaStream_t stream) {
  as_words(output, [&]<class Word>(Word* words) {
    launch(poison_kernel<Word>, std::min(8192u, blocks(output.count)), threads, 0, stream, output.count, words);
  });
}

std::int64_t count_poisoned(const Output& output, cudaStream_t stream) {
  return static_cast<std::int64_t>(inspect(output, stream)[0]);
}

std::uint64_t fingerprint(const Output& output, cudaStream_t stream) {
  return inspect(output, stream)[1];
}

bool device_is_alive() {
  // A call that failed is remembered and reported by the next launch: the first attempt may only clear that.
  for (int attempt = 0; attempt < 2; ++attempt) {
    try {
      const Array<float> x(16);
      poison(x.output(), nullptr);
      gpu::synchronize(static_cast<cudaStream_t>(nullptr));
      return true;
    } catch (const std::exception&) {
    }
  }
  return false;
}

}  // namespace plait::bench
