#include "kernels/cpu/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/support/thread_count.h"

namespace plait {
namespace {

// Every item exactly once, whatever the numbers of items and threads.
TEST(ParallelFor, CoversEveryItemOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    const ThreadCount scope(threads);
    for (const std::int64_t count : {0, 1, 2, 7, 64, 1001}) {
      std::vector<int> visits(static_cast<std::size_t>(count), 0);
      cpu::parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
      });
      for (const int v : visits) EXPECT_EQ(v, 1);
    }
  }
}

// An exception of a part, on whichever thread, reaches the caller, and the pool works on afterwards.
TEST(ParallelFor, AnExceptionReachesTheCaller) {
  const ThreadCount scope(4);
  for (int round = 0; round < 200; ++round) {
    EXPECT_THROW(cpu::parallel_for(8, 1,
                                   [&](std::int64_t begin, std::int64_t end) {
                                     if (begin <= round % 8 && round % 8 < end) throw std::runtime_error("part");
                                   }),
                 std::runtime_error);
    std::atomic<std::int64_t> sum{0}, parts{0};
    cpu::parallel_for(8, 1, [&](std::int64_t begin, std::int64_t end) {
      ++parts;
      for (std::int64_t i = begin; i < end; ++i) sum += i;
    });
    EXPECT_EQ(sum, 28);
    EXPECT_EQ(parts, 8);  // still shared out among four threads
  }
}

TEST(ParallelFor, PartsHoldAtLeastTheGrain) {
  const ThreadCount scope(8);
  std::atomic<std::int64_t> smallest{1000};
  cpu::parallel_for(100, 30, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t seen = smallest;
    while (end - begin < seen && !smallest.compare_exchange_weak(seen, end - begin)) {
    }
  });
  EXPECT_GE(smallest.load(), 30);
}

// A parallel_for inside a part runs there and then, and two callers at once both finish.
TEST(ParallelFor, NestedAndConcurrentCallers) {
  const ThreadCount scope(4);
  std::atomic<std::int64_t> sum{0};
  const auto work = [&] {
    for (int round = 0; round < 200; ++round)
      cpu::parallel_for(8, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
          cpu::parallel_for(4, 1, [&](std::int64_t b, std::int64_t e) { sum += e - b; });
      });
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_EQ(sum.load(), 2 * 200 * 8 * 4);
}

TEST(ParallelFor, SerialThreadStaysOnItself) {
  const ThreadCount scope(4);
  std::thread([] {
    cpu::run_serially_on_this_thread();
    const auto self = std::this_thread::get_id();
    cpu::parallel_for(1000, 1, [&](std::int64_t begin, std::int64_t end) {
      EXPECT_EQ(std::this_thread::get_id(), self);
      EXPECT_EQ(end - begin, 1000);
    });
  }).join();
}

}  // namespace
}  // namespace plait
