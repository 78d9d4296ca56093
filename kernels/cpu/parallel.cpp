#include "kernels/cpu/parallel.h"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace plait::cpu {
namespace {

struct Job {
  void (*call)(const void*, std::int64_t);
  const void* context;
  std::int64_t parts;
  int helpers;                        // worker threads that may take part
  std::atomic<std::int64_t> next{0};  // the first part that nobody has claimed
  std::atomic<bool> failed{false};
  std::exception_ptr error{};  // the first exception of a part; written once, before the job's end

  void work() {
    try {
      for (std::int64_t part; (part = next.fetch_add(1, std::memory_order_relaxed)) < parts;) call(context, part);
    } catch (...) {
      if (!failed.exchange(true)) error = std::current_exception();
      next.store(parts);  // nobody begins another part
    }
  }
};

thread_local bool runs_serially = false;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// The worker threads of this process. One job at a time; a second caller meanwhile does its job alone.
class Workers {
 public:
  ~Workers() {
    stop_ = true;
    announce();
    for (std::thread& thread : threads_) thread.join();
  }

  void run(Job& job) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return job.work();
    while (static_cast<int>(threads_.size()) < job.helpers) {
      const int index = static_cast<int>(threads_.size());
      threads_.emplace_back([this, index] { serve(index); });
    }
    job_ = &job;
    announce();
    runs_serially = true;
    job.work();
    runs_serially = false;
    // No worker may come to the job any more; those inside finish the part they are at. (Sequentially consistent on
    // both sides: either the worker sees the null or we see that it is active.)
    job_ = nullptr;
    for (int spins = 0; active_ != 0; ++spins) spins < 1000 ? pause() : static_cast<void>(sched_yield());
  }

 private:
  void announce() {
    round_.fetch_add(1);
    round_.notify_all();
  }

  // Waits for the next round: a while awake (the next kernel of a step is microseconds away), then asleep.
  std::uint32_t wait_for_round(std::uint32_t seen) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    do {
      for (int i = 0; i < 64; ++i) {
        if (round_.load() != seen) return round_.load();
        pause();
      }
    } while (std::chrono::steady_clock::now() < until);
    round_.wait(seen);
    return round_.load();
  }

  void serve(int index) {
    runs_serially = true;
    for (std::uint32_t seen = 0; !stop_;) {
      seen = wait_for_round(seen);
      active_.fetch_add(1);
      Job* job = job_.load();
      if (job != nullptr && index < job->helpers) job->work();
      active_.fetch_sub(1);
    }
  }

  std::mutex mutex_;  // held by the caller whose job runs
  std::vector<std::thread> threads_;
  std::atomic<Job*> job_{nullptr};
  std::atomic<int> active_{0};  // workers that may be looking at the job
  std::atomic<std::uint32_t> round_{0};
  std::atomic<bool> stop_{false};
};

std::atomic<int>& thread_setting() {
  static std::atomic<int> threads{processor_count()};
  return threads;
}

}  // namespace

int processor_count() {
  cpu_set_t set;
  const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
  return count > 0 ? count : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int thread_count() {
  return thread_setting();
}
void set_thread_count(int threads) {
  thread_setting() = std::max(1, threads);
}
void run_serially_on_this_thread() {
  runs_serially = true;
}

namespace detail {

int usable_threads() {
  return runs_serially ? 1 : thread_count();
}

void run_parts(int threads, std::int64_t parts, void (*call)(const void*, std::int64_t), const void* context) {
  static Workers workers;
  Job job{call, context, parts, threads - 1};
  workers.run(job);
  if (job.failed) std::rethrow_exception(job.error);
}

}  // namespace detail
}  // namespace plait::cpu
