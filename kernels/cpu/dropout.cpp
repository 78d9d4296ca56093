// Inverted dropout: one read and one write an element, the words drawn in registers; the mask is never stored.
#include "kernels/dropout.h"

#include <algorithm>

#include "kernels/cpu/grad_store.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"
#include "kernels/cpu/random_words.h"

namespace plait::cpu {
namespace {

// y (+)= kept ? x * scale : 0. A dropped element is selected away: NaN and infinity go nowhere.
template <bool add, class T>
void scale_kept(const DropoutParams& p, const RandomSource& random, const T* x, T* y) {
  const T scale = T(1) / static_cast<T>(1.0f - p.rate);
  const Bernoulli kept(1.0f - p.rate);
  const std::int64_t grain = 16384 / std::max<std::int64_t>(1, p.columns) + 1;
  parallel_for(p.batch, grain, [&](std::int64_t begin, std::int64_t end) {
    with_isa([&] {
      std::uint32_t words[random_tile];
      for (std::int64_t b = begin; b < end; ++b) {
        for (std::int64_t first = 0; first < p.columns; first += random_tile) {
          random_words(random, b, first, words);
          const std::int64_t length = std::min(random_tile, p.columns - first);
          const T* from = x + b * p.stride + first;
          T* to = y + b * p.stride + first;
          for (std::int64_t c = 0; c < length; ++c) {
            const T scaled = from[c] * scale;  // outside of the selection: a conditional load would not vectorise
            put<add>(to[c], kept(words[c]) ? scaled : T(0));
          }
        }
      }
    });
  });
}

}  // namespace

template <class T>
void dropout_forward(const DropoutParams& p, const RandomSource& random, const T* x, T* y) {
  scale_kept<false>(p, random, x, y);
}

template <class T>
void dropout_backward(const DropoutParams& p, const RandomSource& random, const T* dy, GradSlice<T> dx) {
  with_store(dx.mode, [&](auto add) { scale_kept<add.value>(p, random, dy, dx.data); });
}

template void dropout_forward(const DropoutParams&, const RandomSource&, const float*, float*);
template void dropout_forward(const DropoutParams&, const RandomSource&, const double*, double*);
template void dropout_backward(const DropoutParams&, const RandomSource&, const float*, GradSlice<float>);
template void dropout_backward(const DropoutParams&, const RandomSource&, const double*, GradSlice<double>);

}  // namespace plait::cpu
