#include "kernels/simt/grid.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include "kernels/gpu_failure.h"
#include "kernels/simt/block.h"

namespace plait::simt {
namespace {

// OS threads that claim blocks; the caller is one of them.
class Workers {
 public:
  ~Workers() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void run(const Launch& launch, const Options& options) {
    const std::lock_guard one_launch(launch_mutex_);
    launch_ = launch;
    launch_.serial = ++launches_;
    unsigned workers =
        options.workers > 0 ? static_cast<unsigned>(options.workers) : std::thread::hardware_concurrency();
    if (options.check) workers = 1;
    options_ = options;
    total_ = launch.grid.count();
    next_ = 0;
    failure_ = nullptr;
    const bool alone = workers < 2 || total_ < 2;
    if (!alone) {
      while (threads_.size() + 1 < workers) threads_.emplace_back([this] { loop(); });
      {
        const std::lock_guard lock(mutex_);
        busy_ = threads_.size();
        ++generation_;
      }
      wake_.notify_all();
    }
    work();
    if (!alone) {
      std::unique_lock lock(mutex_);
      finished_.wait(lock, [&] { return busy_ == 0; });
    }
    if (failure_) std::rethrow_exception(failure_);
  }

  Statistics statistics() const { return {.switches = switches_, .blocks = blocks_}; }

 private:
  void work() {
    static thread_local BlockRunner runner;
    const std::uint64_t before = runner.switches();
    std::uint64_t done = 0;
    for (std::uint64_t i; (i = next_.fetch_add(1)) < total_; ++done) {
      const Extent3& grid = launch_.grid;
      const Index3 block{static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y),
                         static_cast<unsigned>(i / (std::uint64_t{grid.x} * grid.y))};
      try {
        if (!runner.run(launch_, block, options_))
          throw gpu::Failure(gpu::Failure::Kind::other, "a kernel is deadlocked: " + last_report());
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
        next_ = total_;
      }
    }
    switches_ += runner.switches() - before;
    blocks_ += done;
  }

  void loop() {
    std::uint64_t seen = 0;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [&] { return stop_ || generation_ != seen; });
        if (stop_) return;
        seen = generation_;
      }
      work();
      const std::lock_guard lock(mutex_);
      if (--busy_ == 0) finished_.notify_one();
    }
  }

  std::mutex launch_mutex_, mutex_;
  std::condition_variable wake_, finished_;
  std::vector<std::thread> threads_;
  std::size_t busy_ = 0;
  std::uint64_t generation_ = 0, launches_ = 0;
  bool stop_ = false;

  Launch launch_;
  Options options_;
  std::uint64_t total_ = 0;
  std::atomic<std::uint64_t> next_{0}, switches_{0}, blocks_{0};
  std::exception_ptr failure_;
};

Workers& workers() {
  static Workers all;
  return all;
}

Options from_environment() {
  Options options;
  if (const char* text = std::getenv("PLAIT_SIMT_WORKERS")) options.workers = std::atoi(text);
  if (const char* text = std::getenv("PLAIT_SIMT_SEED")) options.seed = std::strtoull(text, nullptr, 10);
  if (const char* text = std::getenv("PLAIT_SIMT_ORDER")) {
    const std::string order = text;
    if (order == "reverse") options.order = WarpOrder::reverse;
    if (order == "random") options.order = WarpOrder::random;
  }
  options.check = has_hooks();
  return options;
}

}  // namespace

[[gnu::weak]] bool has_hooks() {
  return false;
}

Options& options() {
  static Options current_options = from_environment();
  return current_options;
}

Statistics statistics() {
  return workers().statistics();
}

void run_grid(const Launch& launch) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    throw gpu::Failure(gpu::Failure::Kind::no_device, "the SIMT executor needs a processor with AVX2 and FMA");
  const std::uint64_t threads = launch.block.count();
  if (threads == 0 || threads > max_threads)
    throw gpu::Failure(gpu::Failure::Kind::other, "a block of " + std::to_string(threads) + " threads (1 to 1024)");
  if (launch.grid.y > 65535 || launch.grid.z > 65535)
    throw gpu::Failure(gpu::Failure::Kind::other, "a grid of more than 65,535 blocks in y or z");
  if (launch.shared_bytes > shared_limit)
    throw gpu::Failure(gpu::Failure::Kind::other, "more than 227 KiB of shared memory");
  workers().run(launch, options());
}

}  // namespace plait::simt
