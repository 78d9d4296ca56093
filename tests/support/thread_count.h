// Runs a scope of a test with a given number of threads, then restores the old number.
#pragma once

#include "kernels/cpu/parallel.h"

namespace plait {

class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(cpu::thread_count()) { cpu::set_thread_count(threads); }
  ~ThreadCount() { cpu::set_thread_count(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

}  // namespace plait
