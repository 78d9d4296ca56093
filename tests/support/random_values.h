// Reproducible test data: uniform values drawn by Philox from (seed, element).
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/math/philox.h"

namespace plait {

// Uniform in [low, high) on a grid of 2^-24 of the range: distinct values, exact zeros improbable.
template <class T>
void fill_random(T* x, std::int64_t count, std::uint32_t seed, double low = -1.0, double high = 1.0) {
  const std::uint32_t site = random_site(Purpose::generator, 0);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t word = random_word(seed, static_cast<std::uint32_t>(i), 0, 0, site);
    x[i] = static_cast<T>(low + (high - low) * static_cast<double>(random_uniform(word)));
  }
}

template <class T>
std::vector<T> random_values(std::int64_t count, std::uint32_t seed, double low = -1.0, double high = 1.0) {
  std::vector<T> x(static_cast<std::size_t>(count));
  fill_random(x.data(), count, seed, low, high);
  return x;
}

// Integers 0 .. bound-1.
template <class T>
std::vector<T> random_integers(std::int64_t count, std::uint32_t seed, std::uint32_t bound) {
  std::vector<T> x(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i)
    x[static_cast<std::size_t>(i)] = static_cast<T>(random_index(
        random_word(seed, static_cast<std::uint32_t>(i), 1, 0, random_site(Purpose::generator, 0)), bound));
  return x;
}

}  // namespace plait
