// parallel_for: a range of independent work items cut into one contiguous part a thread. The only place that names
// OpenMP. Which thread does which item can never matter: items write disjoint outputs.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace plait::cpu {

// Calls f(begin, end) on parts of [0, count), at least `grain` items a part (an item count below it runs on the
// caller's thread).
template <class F>
void parallel_for(std::int64_t count, std::int64_t grain, const F& f) {
  if (count <= 0) return;
  const std::int64_t most = std::max<std::int64_t>(1, count / std::max<std::int64_t>(1, grain));
  const int threads = static_cast<int>(std::min<std::int64_t>(omp_get_max_threads(), most));
  if (threads == 1 || omp_in_parallel()) {
    f(std::int64_t{0}, count);
    return;
  }
#pragma omp parallel num_threads(threads)
  {
    const std::int64_t parts = omp_get_num_threads(), part = omp_get_thread_num();
    const std::int64_t begin = count * part / parts, end = count * (part + 1) / parts;
    if (begin < end) f(begin, end);
  }
}

}  // namespace plait::cpu
