// L2 penalty and its gradient in one pass: weights read once; 4 B per weight, 12 B with an accumulated gradient.
#include "kernels/l2.h"

#include <algorithm>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/ordered_sum.h"
#include "kernels/cpu/parallel.h"
#include "kernels/reduce.h"

namespace plait::cpu {

template <class T>
void l2_penalty(std::int64_t count, double coefficient, const T* weights, double* value, GradSlice<T> gradient,
                void* workspace) {
  double* sums = static_cast<double*>(workspace);
  const T factor = static_cast<T>(2.0 * coefficient);
  const std::int64_t blocks = (count + reduce_block - 1) / reduce_block;
  parallel_for(blocks, 8, [&](std::int64_t begin, std::int64_t end) {
    with_isa([&] {
      for (std::int64_t block = begin; block < end; ++block) {
        const std::int64_t first = block * reduce_block, length = std::min(reduce_block, count - first);
        const T* w = weights + first;
        sums[block] =
            ordered_sum(length, [w](std::int64_t i) { return static_cast<double>(w[i]) * static_cast<double>(w[i]); });
        T* g = gradient.data + first;
        if (gradient.mode == GradMode::accumulate)
          for (std::int64_t i = 0; i < length; ++i) g[i] += factor * w[i];
        else if (gradient.mode == GradMode::overwrite)
          for (std::int64_t i = 0; i < length; ++i) g[i] = factor * w[i];
      }
    });
  });
  *value = tree_sum(blocks, sums);
}

template void l2_penalty(std::int64_t, double, const float*, double*, GradSlice<float>, void*);
template void l2_penalty(std::int64_t, double, const double*, double*, GradSlice<double>, void*);

}  // namespace plait::cpu
