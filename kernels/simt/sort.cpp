// Sorting and prefix sums where there is no CUB: on the host, in stream order, with the same result.
#include "kernels/sort.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/math/elementary.h"
#include "kernels/simt/checker/global_memory.h"
#include "kernels/simt/stream.h"

namespace plait::gpu {
namespace {

// The key as a radix sort sees it: an unsigned number that grows with it, -0 being 0.
std::uint32_t radix_bits(float key) {
  const auto bits = static_cast<std::uint32_t>(elementary::bits_of(key == 0.0f ? 0.0f : key));
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

template <class T>
void check_access(std::int64_t count, const T* array, bool write, const char* what) {
  simt::check_host_access(array, static_cast<std::size_t>(count) * sizeof(T), write, what);
}

}  // namespace

std::size_t sort_workspace_bytes(std::int64_t) {
  return 0;
}

void sort_descending(std::int64_t count, const float* keys, const std::int32_t* payload, float* sorted_keys,
                     std::int32_t* sorted_payload, void*, cudaStream_t stream) {
  if (count == 0) return;
  simt::enqueue(stream, [=] {
    check_access(count, keys, false, "a sort");
    check_access(count, payload, false, "a sort");
    check_access(count, sorted_keys, true, "a sort");
    check_access(count, sorted_payload, true, "a sort");
    std::vector<std::int32_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [keys](std::int32_t a, std::int32_t b) { return radix_bits(keys[a]) > radix_bits(keys[b]); });
    for (std::size_t i = 0; i < order.size(); ++i) {
      sorted_keys[i] = keys[order[i]];
      sorted_payload[i] = payload[order[i]];
    }
  });
}

void inclusive_sum(std::int64_t count, const std::int32_t* x, std::int64_t* sums, void*, cudaStream_t stream) {
  if (count == 0) return;
  simt::enqueue(stream, [=] {
    check_access(count, x, false, "prefix sums");
    check_access(count, sums, true, "prefix sums");
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sums[i] = sum += x[i];
  });
}

}  // namespace plait::gpu
