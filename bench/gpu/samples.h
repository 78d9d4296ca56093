// error_of(element, total, stream): asks `element` for expected(i) and actual(i), both double, at samples of
// 0..total-1: all of them, or one at a random place of each of 32768 equal stretches.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "bench/gpu/memory.h"
#include "kernels/launch.h"

namespace plait::bench {

inline constexpr std::int64_t most_samples = 32768;

template <class T>
PLAIT_HD double real(T x) {
  return static_cast<double>(to_float(x));
}

struct Pair {
  double expected, actual;
};

template <class Element>
__global__ void sample_kernel(Element element, std::int64_t total, std::int64_t samples, Pair* pairs) {
  const std::int64_t s = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (s >= samples) return;
  const std::int64_t begin = total / samples * s, end = s + 1 == samples ? total : begin + total / samples;
  const std::uint64_t mixed = (static_cast<std::uint64_t>(s) + 1) * 0x9E3779B97F4A7C15ull;
  const std::int64_t i = begin + static_cast<std::int64_t>((mixed >> 20) % static_cast<std::uint64_t>(end - begin));
  pairs[s] = {element.expected(i), element.actual(i)};
}

// Pairs at the samples, on the host.
template <class Element>
std::vector<Pair> sample(const Element& element, std::int64_t total, cudaStream_t stream,
                         std::int64_t most = most_samples) {
  const std::int64_t samples = total < most ? total : most;
  const Array<Pair> pairs(samples);
  launch(sample_kernel<Element>, blocks_for(samples, 64), 64, 0, stream, element, total, samples, pairs.data());
  return pairs.host(stream);
}

inline double relative_error(const std::vector<Pair>& pairs) {
  double difference = 0, size = 0;
  for (const Pair& p : pairs) {
    difference += (p.actual - p.expected) * (p.actual - p.expected);
    size += p.expected * p.expected;
  }
  return difference == 0 ? 0 : std::sqrt(difference / size);
}

template <class Element>
double error_of(const Element& element, std::int64_t total, cudaStream_t stream) {
  return relative_error(sample(element, total, stream));
}

}  // namespace plait::bench
