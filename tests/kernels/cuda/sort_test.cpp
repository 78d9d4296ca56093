// Sorting and prefix sums of a device against the standard library: stable, in IEEE's order.
#include "kernels/sort.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

class Sort : public DeviceTest {};

void expect_sorted(const std::vector<float>& keys, cudaStream_t stream) {
  const auto count = static_cast<std::int64_t>(keys.size());
  std::vector<std::int32_t> payload(keys.size()), order(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) payload[i] = static_cast<std::int32_t>(1000000 - i);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return keys[static_cast<std::size_t>(a)] > keys[static_cast<std::size_t>(b)];
  });
  const DeviceArray<float> device_keys(keys, stream), sorted_keys(keys.size(), stream);
  const DeviceArray<std::int32_t> device_payload(payload, stream), sorted_payload(keys.size(), stream);
  const DeviceArray<std::byte> workspace(gpu::sort_workspace_bytes(count), stream);
  gpu::sort_descending(count, device_keys.data(), device_payload.data(), sorted_keys.data(), sorted_payload.data(),
                       workspace.data(), stream);
  const auto got_keys = sorted_keys.host();
  const auto got_payload = sorted_payload.host();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto from = static_cast<std::size_t>(order[i]);
    ASSERT_EQ(got_keys[i], keys[from]) << i << " of " << count;
    ASSERT_EQ(got_payload[i], payload[from]) << i << " of " << count;
  }
}

TEST_F(Sort, IsStableAndDescending) {
  for (std::int64_t count : {0, 1, 2, 100, 5000}) {
    expect_sorted(random_values<float>(count, 1, -1e3, 1e3), stream);
    auto few = random_integers<float>(count, 2, 5);  // ties
    for (float& v : few) v -= 2.0f;
    expect_sorted(few, stream);
  }
  const float infinity = std::numeric_limits<float>::infinity();
  expect_sorted({-0.0f, 1e-40f, 0.0f, -infinity, -1e-40f, infinity, -0.0f, 3e38f, -3e38f, 0.0f}, stream);
}

TEST_F(Sort, SumsAreWide) {
  for (std::int64_t count : {0, 1, 3, 5000}) {
    auto x = random_integers<std::int32_t>(count, 3, 0x7FFFFFFFu);  // their sum needs 64 bits
    for (std::size_t i = 0; i < x.size(); i += 3) x[i] = -x[i];
    const DeviceArray<std::int32_t> on_device(x, stream);
    const DeviceArray<std::int64_t> sums(x.size(), stream);
    const DeviceArray<std::byte> workspace(gpu::sort_workspace_bytes(count), stream);
    gpu::inclusive_sum(count, on_device.data(), sums.data(), workspace.data(), stream);
    std::vector<std::int64_t> expected(x.begin(), x.end());
    std::partial_sum(expected.begin(), expected.end(), expected.begin());
    EXPECT_EQ(sums.host(), expected);
  }
}

}  // namespace
}  // namespace plait::testing
