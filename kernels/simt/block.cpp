#include "kernels/simt/block.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

namespace plait::simt {

thread_local constinit Current current;
thread_local constinit BlockRunner* BlockRunner::running_ = nullptr;

BlockRunner::BlockRunner()
    : fibers_(&BlockRunner::fiber_entry),
      shared_(static_cast<unsigned char*>(std::aligned_alloc(1024, (shared_limit + 2047) / 1024 * 1024))) {}

BlockRunner::~BlockRunner() {
  std::free(shared_);
}

std::uint32_t BlockRunner::random() {
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 7;
  random_state_ ^= random_state_ << 17;
  return static_cast<std::uint32_t>(random_state_ >> 32);
}

void BlockRunner::start(const Launch& launch, const Index3& block, const Options& options) {
  launch_ = &launch;
  order_ = options.order;
  early_copies_ = options.early_copies;
  dead_ = false;
  const Extent3 size = launch.block;
  count_ = static_cast<unsigned>(size.count());
  current.block = block;
  current.block_size = size;
  current.grid = launch.grid;
  if (threads_.size() != count_) threads_ = std::vector<ThreadState>(count_);
  start_order_.resize(count_);
  for (unsigned i = 0; i < count_; ++i) {
    threads_[i].status = ThreadStatus::unstarted;
    threads_[i].index = {i % size.x, i / size.x % size.y, i / (size.x * size.y)};
    start_order_[i] = static_cast<std::uint16_t>(order_ == WarpOrder::reverse ? count_ - 1 - i : i);
  }
  if (order_ == WarpOrder::random) {
    random_state_ = (options.seed + 1) * 0x9E3779B97F4A7C15u + block.x * 77u + block.y * 131u + block.z * 1031u + 1u;
    for (unsigned i = count_; i > 1; --i) std::swap(start_order_[i - 1], start_order_[random() % i]);
  }
  started_ = done_ = 0;
  ready_head_ = ready_tail_ = 0;
  warps_.resize((count_ + 31) / 32);
  for (std::size_t w = 0; w < warps_.size(); ++w) {
    const unsigned lanes = std::min(32u, count_ - static_cast<unsigned>(w) * 32);
    warps_[w].alive = lanes == 32 ? ~0u : (1u << lanes) - 1;
    if (warps_[w].open == 0) continue;
    warps_[w].open = 0;
    for (Collective& collective : warps_[w].collectives) collective.arrived = 0;
  }
  for (Barrier& barrier : barriers_) {
    barrier.arrived = 0;
    barrier.waiting.clear();
    barrier.participants.clear();
  }
  begin_shared(launch.shared_bytes);
  checker_.begin_block(options.check, count_, shared_, launch);
}

bool BlockRunner::run(const Launch& launch, const Index3& block, const Options& options) {
  start(launch, block, options);
  running_ = this;
  fiber_ = &native_fiber();
  switch_to(fibers_.take());
  checker_.end_block();
  running_ = nullptr;
  if (!dead_) return true;
  fibers_.restart_all();
  for (ThreadState& thread : threads_) thread.copies.clear();
  if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
  return false;
}

void BlockRunner::touch(const void* address, std::size_t bytes, bool write, const void* pc) {
  if (!in_kernel_) return;
  const Pause pause(*this);
  const auto low = reinterpret_cast<std::uintptr_t>(fiber_->low);
  checker_.access(address, bytes, write, pc, {low, low + fiber_->size});
}

void BlockRunner::read_for(unsigned lane, const void* address, std::size_t bytes) {
  if (!checker_.active()) return;
  const Current caller = current;
  current.linear = caller.linear / 32 * 32 + lane;
  current.thread = threads_[current.linear].index;
  checker_.access(address, bytes, false, nullptr, {});
  current = caller;
}

void BlockRunner::switch_to(Fiber& fiber) {
  Fiber& from = *fiber_;
  fiber_ = &fiber;
  ++switches_;
  switch_fiber(from, fiber);
}

void BlockRunner::fiber_entry() {
  entered_fiber();
  running_->fiber_main();
}

void BlockRunner::resume(ThreadState& thread) {
  thread.status = ThreadStatus::running;
  current.thread = thread.index;
  current.linear = static_cast<unsigned>(&thread - threads_.data());
}

void BlockRunner::make_ready(unsigned thread) {
  threads_[thread].status = ThreadStatus::ready;
  ready_[ready_tail_++ % ready_.size()] = static_cast<std::uint16_t>(thread);
}

ThreadState* BlockRunner::next_ready() {
  if (ready_head_ == ready_tail_) return nullptr;
  const auto place = [&](std::uint32_t i) -> std::uint16_t& { return ready_[i % ready_.size()]; };
  if (order_ == WarpOrder::random)
    std::swap(place(ready_head_), place(ready_head_ + random() % (ready_tail_ - ready_head_)));
  ThreadState* thread = &threads_[place(ready_head_++)];
  if (ready_tail_ - ready_head_ > 1) {
    // The stack after the next one: its first lines are cold.
    const auto* stack = static_cast<const char*>(threads_[place(ready_head_ + 1)].fiber->stack_pointer);
    for (int line = 0; line < 8; ++line) __builtin_prefetch(stack + line * 64);
  }
  return thread;
}

// What a fiber does between two threads. It never returns: a stuck or finished block switches away for good.
void BlockRunner::fiber_main() {
  for (;;) {
    if (started_ < count_ && (ready_head_ == ready_tail_ || order_ == WarpOrder::random)) {
      ThreadState& thread = threads_[start_order_[started_++]];
      thread.fiber = fiber_;
      resume(thread);
      try {
        in_kernel_ = true;
        launch_->body(launch_->arguments);
      } catch (...) {
        exception_ = std::current_exception();
      }
      in_kernel_ = false;
      if (exception_) {
        dead_ = true;
        switch_to(native_fiber());
      }
      leave(thread);
    } else if (ThreadState* thread = next_ready()) {
      resume(*thread);
      fibers_.give_back(*fiber_);
      switch_to(*thread->fiber);
    } else {
      if (done_ < count_) report_deadlock();
      fibers_.give_back(*fiber_);
      switch_to(native_fiber());
    }
  }
}

// The current thread is in somebody's list of waiting ones; something else runs until it is made ready.
void BlockRunner::wait(const char* name, Location where) {
  ThreadState& thread = current_thread();
  thread.status = ThreadStatus::waiting;
  thread.waits_at = name;
  thread.where = where;
  if (ThreadState* next = next_ready()) {
    resume(*next);
    if (next->fiber != fiber_) switch_to(*next->fiber);
  } else if (started_ < count_) {
    switch_to(fibers_.take());
  } else {
    report_deadlock();
    switch_to(native_fiber());
  }
}

void BlockRunner::leave(ThreadState& thread) {
  thread.status = ThreadStatus::done;
  ++done_;
  drop_copies(thread);
  const unsigned index = current.linear, warp_index = index / 32;
  Warp& warp = warps_[warp_index];
  warp.alive &= ~(1u << index % 32);
  // Threads that have returned are waited for no longer.
  if (warp.open > 0)
    for (Collective& collective : warp.collectives)
      if (collective.arrived != 0 && (collective.mask & warp.alive & ~collective.arrived) == 0)
        finish_collective(warp, collective, warp_index, -1);
  const Barrier& barrier = barriers_[0];
  if (barrier.arrived > 0 && barrier.arrived >= static_cast<int>(count_ - done_)) open_barrier(0);
}

void BlockRunner::report_deadlock() {
  dead_ = true;
  std::map<std::string, std::vector<unsigned>> groups;
  for (unsigned i = 0; i < count_; ++i) {
    const ThreadState& thread = threads_[i];
    groups[thread.status == ThreadStatus::done
               ? "have returned"
               : std::string("wait at ") + thread.waits_at + ", " + describe(thread.where)]
        .push_back(i);
  }
  std::string text = "deadlock: no thread of the block can go on";
  for (const auto& [what, threads] : groups)
    text += "\n    " + std::to_string(threads.size()) + " threads " + what + ": " + ranges(threads);
  checker_.report("deadlock", text);
}

}  // namespace plait::simt
