// Memory-bound: 6 B an element, either way.
#include "kernels/round.h"

#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace plait::cpu {
namespace {

constexpr std::int64_t elements_per_part = 32768;

template <class X, class Y>
void convert(std::int64_t count, const X* x, Y* y) {
  parallel_for(count, elements_per_part, [=](std::int64_t begin, std::int64_t end) {
    with_isa([=] {
      for (std::int64_t i = begin; i < end; ++i) y[i] = from_float<Y>(to_float(x[i]));
    });
  });
}

}  // namespace

void round(std::int64_t count, const float* x, bf16* y) {
  convert(count, x, y);
}

void widen(std::int64_t count, const bf16* x, float* y) {
  convert(count, x, y);
}

}  // namespace plait::cpu
