// How the executor runs kernels, and what its checker has found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace plait::simt {

enum class WarpOrder { forward, reverse, random };

struct Options {
  int workers = 0;  // OS threads that run blocks; 0 = all cores. The checker runs one block at a time.
  bool check = false;
  WarpOrder order = WarpOrder::forward;  // in which a block's threads start and go on
  std::uint64_t seed = 1;                // of the random order
  bool early_copies = false;  // asynchronous copies happen at once, not as late as legal: hides missing waits
};

// Read at every launch. The first call reads PLAIT_SIMT_WORKERS, PLAIT_SIMT_ORDER (forward, reverse, random) and
// PLAIT_SIMT_SEED.
Options& options();

// True where the kernels were compiled with the checker's hooks.
bool has_hooks();

// What was found since the last call, each once: kernel, block, threads, source lines.
std::vector<std::string> take_reports();

// The same to a file descriptor, for a signal handler: a wrong address may end the program before anybody asks.
void write_reports(int file) noexcept;

// Counters of all workers since the start.
struct Statistics {
  std::uint64_t switches = 0;  // between the stacks of two threads
  std::uint64_t blocks = 0;
};
Statistics statistics();

}  // namespace plait::simt
