// Sorting and prefix sums by CUB (onesweep radix sort: the keys and payloads move once per 8 bits of the key, 16 B a
// pair and pass; decoupled look-back scan: 12 B an element, once).
#include <algorithm>

#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_scan.cuh>

#include "kernels/gpu_failure.h"
#include "kernels/sort.h"

namespace plait::gpu {
namespace {

// CUB's two calls: without memory it says how much it needs.
cudaError_t sort(void* workspace, std::size_t& bytes, std::int64_t count, const float* keys,
                 const std::int32_t* payload, float* sorted_keys, std::int32_t* sorted_payload, cudaStream_t stream) {
  return cub::DeviceRadixSort::SortPairsDescending(workspace, bytes, keys, sorted_keys, payload, sorted_payload,
                                                   static_cast<int>(count), 0, 32, stream);
}

// The sums are 64 bits wide although the elements are not: the first element is widened.
cudaError_t scan(void* workspace, std::size_t& bytes, std::int64_t count, const std::int32_t* x, std::int64_t* sums,
                 cudaStream_t stream) {
  return cub::DeviceScan::InclusiveScanInit(workspace, bytes, x, sums, cuda::std::plus<std::int64_t>{}, std::int64_t{0},
                                            static_cast<int>(count), stream);
}

}  // namespace

std::size_t sort_workspace_bytes(std::int64_t count) {
  std::size_t of_sort = 0, of_scan = 0;
  check(sort(nullptr, of_sort, count, nullptr, nullptr, nullptr, nullptr, nullptr), "scratch of a sort");
  check(scan(nullptr, of_scan, count, nullptr, nullptr, nullptr), "scratch of prefix sums");
  return std::max(of_sort, of_scan);
}

void sort_descending(std::int64_t count, const float* keys, const std::int32_t* payload, float* sorted_keys,
                     std::int32_t* sorted_payload, void* workspace, cudaStream_t stream) {
  if (count == 0) return;
  std::size_t bytes = sort_workspace_bytes(count);
  check(sort(workspace, bytes, count, keys, payload, sorted_keys, sorted_payload, stream), "a sort");
}

void inclusive_sum(std::int64_t count, const std::int32_t* x, std::int64_t* sums, void* workspace,
                   cudaStream_t stream) {
  if (count == 0) return;
  std::size_t bytes = sort_workspace_bytes(count);
  check(scan(workspace, bytes, count, x, sums, stream), "prefix sums");
}

}  // namespace plait::gpu
