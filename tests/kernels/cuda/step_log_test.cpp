// The ring of a step's numbers: every step at its place, the oldest overwritten, nothing else touched.
#include "kernels/step_log.h"

#include "tests/support/device_test.h"

namespace plait::testing {
namespace {

class StepLog : public DeviceTest {};

// Number i of a step; no two of a test are equal.
double number(std::uint64_t step, std::int64_t i) {
  return 1000.0 * static_cast<double>(step) + static_cast<double>(i) + 0.5;
}

void expect_ring(const StepLogParams& p, std::uint64_t first, std::uint64_t steps, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << p.values << " numbers, " << p.length << " places, " << steps << " steps from "
                                    << first);
  constexpr double canary = -7.0;
  std::vector<double> expected(static_cast<std::size_t>(p.values * p.length), canary);
  const DeviceArray<double> ring(expected, stream);
  const DeviceArray<std::uint64_t> counter(std::vector<std::uint64_t>{first}, stream);
  for (std::uint64_t step = first; step < first + steps; ++step) {
    std::vector<double> values;
    for (std::int64_t i = 0; i < p.values; ++i) values.push_back(number(step, i));
    const DeviceArray<double> of_step(values, stream);
    gpu::log_step(p, of_step.data(), ring.data(), counter.data(), stream);
    const auto place = static_cast<std::int64_t>(step % static_cast<std::uint64_t>(p.length));
    for (std::int64_t i = 0; i < p.values; ++i)
      expected[static_cast<std::size_t>(place * p.values + i)] = number(step, i);
    EXPECT_EQ(ring.host(), expected);  // also waits, so that the values may go
    EXPECT_EQ(counter.host()[0], step + 1);
  }
}

TEST_F(StepLog, EveryStepHasItsPlace) {
  expect_ring({.values = 5, .length = 3}, 0, 7, stream);
  expect_ring({.values = 1, .length = 1}, 0, 2, stream);
  expect_ring({.values = 0, .length = 4}, 2, 2, stream);
  // As many numbers as the block has threads, one more, and several turns.
  expect_ring({.values = 64, .length = 2}, 1, 3, stream);
  expect_ring({.values = 65, .length = 2}, 1, 3, stream);
  expect_ring({.values = 200, .length = 2}, 0, 2, stream);
  // The counter is not the ring's index.
  expect_ring({.values = 2, .length = 3}, (std::uint64_t{1} << 40) + 1, 4, stream);
}

}  // namespace
}  // namespace plait::testing
