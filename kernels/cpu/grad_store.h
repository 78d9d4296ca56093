// Runs a loop with its gradient mode known at compile time:
//   with_store(mode, [&](auto add) { for (...) put<add.value>(dx[i], v); });
// Nothing runs for GradMode::ignore.
#pragma once

#include <type_traits>

#include "kernels/grad_mode.h"

namespace plait::cpu {

template <bool add, class T>
inline void put(T& target, T value) {
  if constexpr (add)
    target += value;
  else
    target = value;
}

template <class F>
inline void with_store(GradMode mode, const F& f) {
  if (mode == GradMode::overwrite)
    f(std::false_type{});
  else if (mode == GradMode::accumulate)
    f(std::true_type{});
}

}  // namespace plait::cpu
