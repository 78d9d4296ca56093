// One block of threads on one OS thread. A fiber takes the next thread that has not started, runs the kernel, takes the
// next one: a kernel that never waits needs a single stack. Where a thread waits, another one goes on: first those that
// are ready, then a new fiber for one that has not started. When nothing can go on, the block is deadlocked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "kernels/simt/checker/checker.h"
#include "kernels/simt/copy_queue.h"
#include "kernels/simt/executor.h"
#include "kernels/simt/fiber.h"
#include "kernels/simt/options.h"

namespace plait::simt {

inline constexpr unsigned max_threads = 1024;
inline constexpr std::size_t shared_limit = 232448;  // 227 KiB, what a block may have on an H100

enum class ThreadStatus : std::uint8_t { unstarted, running, ready, waiting, done };

struct ThreadState {
  Fiber* fiber = nullptr;
  ThreadStatus status = ThreadStatus::unstarted;
  Index3 index;
  BarrierVotes votes;         // of the barrier that it has left
  const char* waits_at = "";  // "__syncthreads", ...
  Location where;             // of that
  CopyQueue copies;
};

// Lanes of a warp that meet.
struct Collective {
  std::uint32_t mask = 0, arrived = 0;
  const char* name = "";
  std::array<void*, 32> payloads{};
  Combine combine = nullptr;
  bool orders_memory = false;
  Location where;
};

struct Warp {
  std::uint32_t alive = 0;  // lanes whose threads have not returned
  int open = 0;             // collectives in progress
  std::array<Collective, 4> collectives;
};

struct Barrier {
  int arrived = 0, expected = 0;  // expected 0: every living thread
  BarrierVotes votes;
  std::vector<std::uint16_t> waiting, participants;
  Location where;
};

class BlockRunner {
 public:
  BlockRunner();
  ~BlockRunner();
  BlockRunner(const BlockRunner&) = delete;
  BlockRunner& operator=(const BlockRunner&) = delete;

  // Runs one block to its end. False: it deadlocked; a report says who waits where. Throws what a thread throws.
  bool run(const Launch& launch, const Index3& block, const Options& options);

  // The runner of this OS thread, null outside a kernel.
  static BlockRunner* running() { return running_; }

  std::uint64_t switches() const { return switches_; }

  // Around everything that the executor does for a kernel: what happens inside is no access of the kernel's, even where
  // it runs code that was compiled with the checker's hooks.
  class Pause {
   public:
    explicit Pause(BlockRunner& runner) : runner_(runner), before_(runner.in_kernel_) { runner.in_kernel_ = false; }
    ~Pause() { runner_.in_kernel_ = before_; }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;
    BlockRunner* operator->() const { return &runner_; }

   private:
    BlockRunner& runner_;
    bool before_;
  };

  // The checker's eyes: an access of the current thread; a finding; a read by a lane of the current thread's warp.
  void touch(const void* address, std::size_t bytes, bool write, const void* pc);
  bool in_kernel() const { return in_kernel_; }
  void report(const std::string& key, const std::string& text) const { checker_.report(key, text); }
  void read_for(unsigned lane, const void* address, std::size_t bytes);

  // What the functions of executor.h do for the current thread.
  BarrierVotes meet_at_barrier(int id, int expected, bool waits, bool value, const char* name, Location where);
  void meet_in_warp(std::uint32_t mask, const char* name, void* payload, Combine combine, bool orders_memory,
                    Location where);
  void* shared_slot(int slot);
  void* dynamic_shared() const { return shared_; }
  void issue_copy(void* to, const void* from, int bytes, int source_bytes, Location where);
  void commit_copies();
  void wait_for_copies(std::size_t pending);

 private:
  void start(const Launch& launch, const Index3& block, const Options& options);
  static void fiber_entry();
  void fiber_main();
  void wait(const char* name, Location where);
  ThreadState* next_ready();
  void make_ready(unsigned thread);
  void resume(ThreadState& thread);
  void switch_to(Fiber& fiber);
  void leave(ThreadState& thread);  // the thread has returned
  void report_deadlock();
  std::uint32_t random();
  ThreadState& current_thread() { return threads_[current.linear]; }

  void open_barrier(int id);
  [[gnu::cold, gnu::noinline]] void report_collective(const Collective* meeting, std::uint32_t mask, const char* name,
                                                      Location where) const;
  [[gnu::cold, gnu::noinline]] void report_barrier(int id, int expected, Location where) const;
  void finish_collective(Warp& warp, Collective& collective, unsigned warp_index, int self);
  void drop_copies(ThreadState& thread);
  void begin_shared(std::size_t dynamic_bytes);

  static thread_local constinit BlockRunner* running_ __attribute__((tls_model("initial-exec")));

  const Launch* launch_ = nullptr;
  WarpOrder order_ = WarpOrder::forward;
  bool early_copies_ = false, dead_ = false, in_kernel_ = false;
  std::exception_ptr exception_;
  std::uint64_t random_state_ = 0, switches_ = 0;

  FiberPool fibers_;
  Fiber* fiber_ = nullptr;  // that runs
  std::vector<ThreadState> threads_;
  unsigned count_ = 0, started_ = 0, done_ = 0;
  std::vector<std::uint16_t> start_order_;
  std::array<std::uint16_t, 2 * max_threads> ready_{};
  std::uint32_t ready_head_ = 0, ready_tail_ = 0;

  std::vector<Warp> warps_;
  std::array<Barrier, 16> barriers_;

  unsigned char* shared_ = nullptr;
  std::size_t dynamic_bytes_ = 0, shared_used_ = 0;
  std::vector<std::ptrdiff_t> slot_offsets_;  // -1: not used in this block
  std::vector<int> used_slots_;

  Checker checker_;
};

}  // namespace plait::simt
