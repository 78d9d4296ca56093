// The roofline of a memory-bound kernel: what a parallel copy moves on this machine, measured in the same program.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "kernels/cpu/parallel.h"

namespace plait {

// Bytes read plus bytes written per second: the best of five copies of 256 MiB, by all threads.
inline double copy_rate() {
  static const double rate = [] {
    constexpr std::int64_t bytes = std::int64_t{256} << 20;
    std::vector<char> from(bytes, 1), to(bytes, 2);
    double best = 1e30;
    for (int repeat = 0; repeat < 5; ++repeat) {
      const auto start = std::chrono::steady_clock::now();
      cpu::parallel_for(bytes, 1 << 20, [&](std::int64_t begin, std::int64_t end) {
        std::memcpy(to.data() + begin, from.data() + begin, static_cast<std::size_t>(end - begin));
      });
      benchmark::DoNotOptimize(to.data());
      best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return 2.0 * static_cast<double>(bytes) / best;
  }();
  return rate;
}

// Counters of a kernel that has to move so many bytes an iteration: rate, share of the copy's, items a second.
inline void report_bytes(benchmark::State& state, std::int64_t bytes, std::int64_t items) {
  using benchmark::Counter;
  const double all = static_cast<double>(bytes) * static_cast<double>(state.iterations());
  state.counters["bytes"] = Counter(all, Counter::kIsRate, Counter::kIs1024);
  state.counters["of_copy"] = Counter(all / copy_rate(), Counter::kIsRate);
  state.SetItemsProcessed(state.iterations() * items);
}

// Uniform random data, cheap enough for hundreds of megabytes.
inline std::vector<float> bench_values(std::int64_t count, float low = -1.0f, float high = 1.0f) {
  std::vector<float> x(static_cast<std::size_t>(count));
  std::uint32_t state = 12345;
  for (float& v : x) {
    state = state * 1664525u + 1013904223u;
    v = low + (high - low) * static_cast<float>(state >> 8) * 0x1p-24f;
  }
  return x;
}

}  // namespace plait
