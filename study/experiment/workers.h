// Jobs run as parallel child processes. A child is a fork: it finds the cohorts in memory that the parent has read
// (copy on write), where a program started anew would parse them again for each of a study's hundred jobs; it trains on
// one thread, cannot disturb its neighbours, and whatever kills it (memory, a signal) ends one job and is noticed.
// The caller must have no other threads, and no pool of them (kernels/cpu/parallel.h), when it calls.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace plait {

struct WorkerHooks {
  std::function<void(std::size_t job)> done;  // in the parent, as jobs end well; may be empty
  std::function<bool()> stop;                 // asked a few times a second; true: children are killed; may be empty
};

// Runs work(job) for each of `jobs` in a child process, at most `at_once` of them at a time, in the order given.
// Returns whether all are done; false: `stop` said so. A job that throws ends all others: the same exit code and
// message, with name(job) in front, are thrown here; a child that a signal has killed is a device error for SIGKILL
// (memory, most likely), else an internal one. Children die with the parent, however it ends.
bool run_workers(const std::vector<std::size_t>& jobs, std::size_t at_once,
                 const std::function<void(std::size_t job)>& work, const std::function<std::string(std::size_t)>& name,
                 const WorkerHooks& hooks = {});

}  // namespace plait
