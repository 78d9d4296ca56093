// Sums, squares, faults and fills over flat buffers: one read (or one write) an element, in blocks that never depend on
// the thread count.
#include "kernels/reduce.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include "kernels/cpu/isa.h"
#include "kernels/cpu/ordered_sum.h"
#include "kernels/cpu/parallel.h"

namespace plait::cpu {
namespace {

constexpr std::int64_t blocks_per_part = 16;  // 64 Ki elements: less is not worth a thread

std::int64_t block_count(std::int64_t count) {
  return (count + reduce_block - 1) / reduce_block;
}

template <class T, class Term>
void block_sums(std::int64_t count, const T* x, double* sums, const Term& term) {
  parallel_for(block_count(count), blocks_per_part, [&](std::int64_t begin, std::int64_t end) {
    with_isa([&] {
      for (std::int64_t block = begin; block < end; ++block) {
        const T* part = x + block * reduce_block;
        const std::int64_t length = std::min(reduce_block, count - block * reduce_block);
        sums[block] = ordered_sum(length, [&](std::int64_t i) { return term(part[i]); });
      }
    });
  });
}

template <class T, class Term>
double blockwise_sum(std::int64_t count, const T* x, void* workspace, const Term& term) {
  double* sums = static_cast<double*>(workspace);
  block_sums(count, x, sums, term);
  return tree_sum(block_count(count), sums);
}

template <class T>
double square(T v) {
  return static_cast<double>(v) * static_cast<double>(v);
}

}  // namespace

std::size_t reduce_workspace_bytes(std::int64_t count) {
  return static_cast<std::size_t>(block_count(count)) * sizeof(double);
}

template <class T>
double sum(std::int64_t count, const T* x, void* workspace) {
  return blockwise_sum(count, x, workspace, [](T v) { return static_cast<double>(v); });
}

template <class T>
double sum_of_squares(std::int64_t count, const T* x, void* workspace) {
  return blockwise_sum(count, x, workspace, square<T>);
}

template <class T>
void block_sums_of_squares(std::int64_t count, const T* x, double* sums) {
  block_sums(count, x, sums, square<T>);
}

double sum_of_blocks(std::int64_t blocks, double* sums) {
  return tree_sum(blocks, sums);
}

template <class T>
std::int64_t first_non_finite(std::int64_t count, const T* x) {
  std::atomic<std::int64_t> first = count;
  const auto is_fault = [](T v) { return !(std::fabs(v) <= std::numeric_limits<T>::max()); };
  parallel_for(block_count(count), blocks_per_part, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      const std::int64_t from = block * reduce_block, to = std::min(count, from + reduce_block);
      if (first.load(std::memory_order_relaxed) < from) return;
      unsigned faults = 0;
      with_isa([&faults, x, from, to, is_fault] {
        unsigned any = 0;
        for (std::int64_t i = from; i < to; ++i) any |= is_fault(x[i]);
        faults = any;
      });
      if (faults == 0) continue;
      std::int64_t here = from;
      while (!is_fault(x[here])) ++here;
      std::int64_t known = first.load();
      while (here < known && !first.compare_exchange_weak(known, here)) {
      }
      return;
    }
  });
  return first < count ? first.load() : -1;
}

template <class T>
void fill(std::int64_t count, T value, T* x) {
  parallel_for(count, blocks_per_part * reduce_block,
               [&](std::int64_t begin, std::int64_t end) { std::fill(x + begin, x + end, value); });
}

template double sum(std::int64_t, const float*, void*);
template double sum(std::int64_t, const double*, void*);
template double sum_of_squares(std::int64_t, const float*, void*);
template double sum_of_squares(std::int64_t, const double*, void*);
template void block_sums_of_squares(std::int64_t, const float*, double*);
template void block_sums_of_squares(std::int64_t, const double*, double*);
template std::int64_t first_non_finite(std::int64_t, const float*);
template std::int64_t first_non_finite(std::int64_t, const double*);
template void fill(std::int64_t, float, float*);
template void fill(std::int64_t, double, double*);

}  // namespace plait::cpu
