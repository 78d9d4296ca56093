// How work is cut: equal parts, and how many items are worth a thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace plait::cpu {

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

// count cut into equal parts of at most `most`: the length of one (at least 1).
inline std::int64_t even_part(std::int64_t count, std::int64_t most) {
  return count == 0 ? 1 : ceil_div(count, ceil_div(count, most));
}

// Items that make a thread worth its start, at so many multiply-adds an item.
inline std::int64_t grain_of(std::int64_t steps_an_item) {
  constexpr std::int64_t steps_worth_a_thread = 1 << 18;
  return ceil_div(steps_worth_a_thread, std::max<std::int64_t>(1, steps_an_item));
}

// Bytes of `count` elements, rounded up so that what follows is aligned to 64.
template <class T>
std::size_t aligned_bytes(std::int64_t count) {
  return (static_cast<std::size_t>(count) * sizeof(T) + 63) / 64 * 64;
}

}  // namespace plait::cpu
