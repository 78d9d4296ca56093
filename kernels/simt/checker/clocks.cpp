#include "kernels/simt/checker/clocks.h"

#include <algorithm>

namespace plait::simt {

void Clocks::begin(unsigned threads) {
  threads_ = threads;
  clocks_.assign(std::size_t{threads} * threads, 0);
  joined_.resize(threads);
  for (unsigned t = 0; t < threads; ++t) row(t)[t] = 1;
}

void Clocks::meet(std::span<const std::uint16_t> threads) {
  std::fill(joined_.begin(), joined_.end(), 0u);
  for (const std::uint16_t t : threads)
    for (unsigned u = 0; u < threads_; ++u) joined_[u] = std::max(joined_[u], row(t)[u]);
  for (const std::uint16_t t : threads) {
    std::copy(joined_.begin(), joined_.end(), row(t));
    ++row(t)[t];
  }
}

}  // namespace plait::simt
