#include "io/data/background_worker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <vector>

#include "kernels/cpu/parallel.h"

namespace plait {
namespace {

TEST(BackgroundWorker, DoesTheWorkElsewhereAndInOrder) {
  std::vector<std::int64_t> done;
  std::thread::id where;
  int threads = 0;
  BackgroundWorker worker([&](std::int64_t number) {
    done.push_back(number);
    where = std::this_thread::get_id();
    threads = cpu::detail::usable_threads();
  });
  for (std::int64_t number = 0; number < 100; ++number) {
    worker.start(number);
    worker.finish();
    ASSERT_EQ(done.size(), static_cast<std::size_t>(number + 1));
    ASSERT_EQ(done.back(), number);
  }
  EXPECT_NE(where, std::this_thread::get_id());
  EXPECT_EQ(threads, 1);  // kernels run on that thread alone
}

TEST(BackgroundWorker, ExceptionsReachWhoeverWaits) {
  BackgroundWorker worker([](std::int64_t number) {
    if (number == 1) throw std::runtime_error("broken");
  });
  worker.start(1);
  EXPECT_THROW(worker.finish(), std::runtime_error);
  EXPECT_NO_THROW(worker.finish());  // told once
  worker.start(0);
  EXPECT_NO_THROW(worker.finish());
  worker.start(1);
  EXPECT_NO_THROW(worker.abandon());
}

TEST(BackgroundWorker, EndsWhileIdleBusyOrBroken) {
  {
    BackgroundWorker idle([](std::int64_t) {});
  }
  std::atomic<bool> begun = false, finished = false;
  {
    BackgroundWorker busy([&](std::int64_t) {
      begun = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      finished = true;
    });
    busy.start(0);
    while (!begun) std::this_thread::yield();
  }
  EXPECT_TRUE(finished);
  BackgroundWorker broken([](std::int64_t) { throw std::runtime_error("nobody asks"); });
  broken.start(0);
}

}  // namespace
}  // namespace plait
