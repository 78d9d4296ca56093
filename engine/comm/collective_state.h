// What a communicator is doing, for the watchdog and for the exit file.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace plait {

struct CollectiveState {
  std::uint64_t number = 0;  // of the oldest operation that has not ended, else of the last one; from 1
  const char* name = "";     // "all_to_all", ...; a literal
  std::uint64_t bytes = 0;   // of this rank's buffer
  bool running = false;
  std::chrono::steady_clock::time_point since;  // when it started, if running
  std::string failure;                          // what the library reported; empty: nothing
};

// A communicator that the watchdog looks at, from its own thread. Calls may come at any time until
// ProcessGroup::leave().
class ObservedCommunicator {
 public:
  virtual ~ObservedCommunicator() = default;
  virtual CollectiveState state() const = 0;
  // The process is about to end because a peer is lost: lets go of what would hang (ncclCommAbort). May be called once.
  virtual void abort() noexcept {}
};

}  // namespace plait
