// ROC AUC: sort the scores (sort.h), sum the labels along them, then every end of a tie knows by itself how many
// positives stand above it. Fuses the way down the ranking into one pass: 12 B an item behind the sort's 80 or so. For
// the 8,192 patients of an evaluation the launches decide (five and CUB's).
//
// A tie ends at i where a lower score follows; its start is found by bisection, which almost no item needs (equal
// scores only). A tie of p positives and n negatives below P positives adds n (2 P + p) to twice the number of ordered
// pairs: integers, which atomics add in any order.
#include "kernels/auc.h"

#include <limits>

#include "kernels/device/reduce.h"
#include "kernels/launch.h"
#include "kernels/math/bf16.h"
#include "kernels/sort.h"

namespace plait {
namespace {

constexpr int threads = 256;

struct Scratch {
  unsigned long long* twice_ordered_pairs;
  float *keys, *sorted_keys;
  std::int32_t *positive, *sorted_positive;
  std::int64_t* positives;  // from the top to here
  void* sort;
};

// Carves the workspace; returns its size.
std::size_t carve(std::int64_t count, std::byte* workspace, Scratch& scratch) {
  std::size_t used = 0;
  const auto take = [&]<class T>(std::int64_t elements, T*& array) {
    array = reinterpret_cast<T*>(workspace + used);
    used += (static_cast<std::size_t>(elements) * sizeof(T) + 255) / 256 * 256;
  };
  take(1, scratch.twice_ordered_pairs);
  take(count, scratch.keys);
  take(count, scratch.sorted_keys);
  take(count, scratch.positive);
  take(count, scratch.sorted_positive);
  take(count, scratch.positives);
  std::byte* sort = nullptr;
  take(static_cast<std::int64_t>(gpu::sort_workspace_bytes(count)), sort);
  scratch.sort = sort;
  return used;
}

template <class T>
__global__ void __launch_bounds__(threads)
    read_items_kernel(AucParams p, const T* scores, const float* labels, Scratch scratch) {
  const std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i == 0) *scratch.twice_ordered_pairs = 0;
  if (i >= p.count) return;
  scratch.keys[i] = to_float(scores[i * p.score_stride]);
  scratch.positive[i] = labels[i * p.label_stride] > 0.5f;
}

// The first item that scores no higher than item i.
__device__ __forceinline__ std::int64_t start_of_tie(const float* keys, std::int64_t i) {
  const float key = keys[i];
  if (i == 0 || keys[i - 1] > key) return i;
  std::int64_t low = 0, high = i - 1;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (keys[middle] > key)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

__global__ void __launch_bounds__(threads) ordered_pairs_kernel(std::int64_t count, Scratch scratch) {
  const std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  const float* keys = scratch.sorted_keys;
  unsigned long long twice = 0;
  if (i < count && (i + 1 == count || keys[i + 1] < keys[i])) {
    const std::int64_t start = start_of_tie(keys, i);
    const std::int64_t above = start == 0 ? 0 : scratch.positives[start - 1];
    const std::int64_t tied = scratch.positives[i] - above, negatives = i + 1 - start - tied;
    twice = static_cast<unsigned long long>(negatives * (2 * above + tied));
  }
  twice = device::block_sum<threads>(twice);
  if (threadIdx.x == 0 && twice != 0) atomicAdd(scratch.twice_ordered_pairs, twice);
}

__global__ void finish_auc_kernel(std::int64_t count, Scratch scratch, double* value) {
  const std::int64_t positives = count == 0 ? 0 : scratch.positives[count - 1], negatives = count - positives;
  const double pairs = static_cast<double>(positives) * static_cast<double>(negatives);
  *value = positives == 0 || negatives == 0 ? std::numeric_limits<double>::quiet_NaN()
                                            : static_cast<double>(*scratch.twice_ordered_pairs) / (2.0 * pairs);
}

}  // namespace

namespace gpu {

std::size_t auc_workspace_bytes(std::int64_t count) {
  Scratch scratch;
  return carve(count, nullptr, scratch);
}

template <class T>
void auc(const AucParams& p, const T* scores, const float* labels, double* value, void* workspace,
         cudaStream_t stream) {
  Scratch scratch;
  carve(p.count, static_cast<std::byte*>(workspace), scratch);
  const unsigned blocks = blocks_for(p.count, threads);
  launch(read_items_kernel<T>, blocks, threads, 0, stream, p, scores, labels, scratch);
  sort_descending(p.count, scratch.keys, scratch.positive, scratch.sorted_keys, scratch.sorted_positive, scratch.sort,
                  stream);
  inclusive_sum(p.count, scratch.sorted_positive, scratch.positives, scratch.sort, stream);
  launch(ordered_pairs_kernel, blocks, threads, 0, stream, p.count, scratch);
  launch(finish_auc_kernel, 1, 1, 0, stream, p.count, scratch, value);
}

template void auc(const AucParams&, const float*, const float*, double*, void*, cudaStream_t);
template void auc(const AucParams&, const bf16*, const float*, double*, void*, cudaStream_t);

}  // namespace gpu
}  // namespace plait
