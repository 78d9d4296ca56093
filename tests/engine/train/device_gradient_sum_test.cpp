// The sum of a batch's parts in a device's memory: the same tree as on the CPU, bit by bit, enqueued and captured.
#include <gtest/gtest.h>

#include <vector>

#include "engine/comm/local.h"
#include "engine/train/gradient_sum.h"
#include "tests/support/device_test.h"
#include "tests/support/random_values.h"

namespace plait {
namespace {

class DeviceGradientSum : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gpu::devices().empty()) GTEST_SKIP() << gpu::why_none();
  }
  void TearDown() override {
    for (const std::string& report : testing::take_device_reports()) ADD_FAILURE() << report;
  }
};

// Some parameters lie in several buckets of a block, some buckets hold several parameters.
ParameterStore store_of_four(const Device& device) {
  ParameterStore store;
  store.add("a", {100, 64}, Init::zeros, true);
  store.add("b", {300, 64}, Init::zeros, true);
  store.add("c", {5}, Init::zeros, false);
  store.add("d", {7}, Init::zeros, false);
  store.allocate(1);
  store.move_to(device);
  return store;
}

// bf16: every node is rounded.
float tree(const std::vector<Buffer>& parts, std::size_t first, std::size_t count, std::size_t i, bool bf16) {
  const auto kept = [bf16](float x) { return bf16 ? to_float(to_bf16(x)) : x; };
  if (count == 1) return kept(static_cast<const float*>(parts[first].host())[i]);
  return kept(tree(parts, first, count / 2, i, bf16) + tree(parts, first + count / 2, count / 2, i, bf16));
}

// The last part comes on a branch, as the gradients of encoders do; `a` is told of by nobody.
TEST_F(DeviceGradientSum, IsTheTreeOfItsParts) {
  const Device device = Device::gpu();
  LocalCommunicator alone;
  for (const auto& wanted : {std::pair{1u, false}, {2u, false}, {8u, false}, {2u, true}, {8u, true}}) {
    const std::size_t count = wanted.first;
    const bool bf16 = wanted.second;
    ParameterStore store = store_of_four(device);
    GradientSum sum(
        store, alone,
        {.parts = parts_of_rank(static_cast<std::int64_t>(count), 0, 1), .bucket_bytes = 4096 * 4, .bf16 = bf16});
    const auto length = static_cast<std::size_t>(store.flat_count());
    std::vector<Buffer> parts;
    for (std::size_t p = 0; p < count; ++p) {
      parts.emplace_back(store.flat_bytes(), device);
      const auto values = random_values<float>(store.flat_count(), static_cast<std::uint32_t>(p + 1));
      std::copy(values.begin(), values.end(), static_cast<float*>(parts[p].host()));
      parts[p].upload();
    }
    const auto fill = [&](std::size_t part, std::size_t begin, std::size_t end, cudaStream_t stream) {
      gpu::copy_on_device(static_cast<float*>(store.gradients()) + begin,
                          static_cast<const float*>(parts[part].data()) + begin, (end - begin) * sizeof(float), stream);
    };
    const auto behind_a = static_cast<std::size_t>(store.parameter(1).offset);
    const auto last_part = [&] {
      cudaStream_t branch = device.begin_branch(0);
      fill(count - 1, behind_a, length, branch);
      for (const int parameter : {3, 2, 1}) sum.ready(parameter);  // most buckets leave
      fill(count - 1, 0, behind_a, branch);
      device.end_branch(0);
      sum.part_done();
      sum.finish();
    };
    Graph graph;
    for (int step = 0; step < 4; ++step) {
      sum.begin_step();
      for (std::size_t p = 0; p + 1 < count; ++p) {
        EXPECT_FALSE(sum.last_part());
        fill(p, 0, length, device.stream());
        sum.part_done();
      }
      if (step == 0) last_part();
      if (step == 1) graph = Graph::capture(device, last_part);
      if (step > 0) graph.replay(device);
      std::vector<float> got(length);
      gpu::copy_to_host(got.data(), store.gradients(), store.flat_bytes(), device.stream());
      device.synchronize();
      for (std::size_t i = 0; i < length; ++i)
        ASSERT_EQ(got[i], tree(parts, 0, count, i, bf16)) << count << " parts, step " << step << ", element " << i;
      gpu::set_zero(store.gradients(), store.flat_bytes(), device.stream());
    }
  }
}

}  // namespace
}  // namespace plait
