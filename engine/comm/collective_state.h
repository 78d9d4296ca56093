// What a communicator is doing, for the watchdog, the peers and the exit file.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

namespace plait {

// Signatures of the operations around the one that comes next, that of operation n at [n % 8]: of ended - 3 to ended +
// 4 as far as they have been called, 0 for the others. The same on every rank, another one for another operation or
// other sizes: so ranks notice that they do not call the same operations.
using Signatures = std::array<std::uint64_t, 8>;

// Operations are numbered from 1 in the order of the calls, which is the same on every rank.
struct CollectiveState {
  std::uint64_t issued = 0;  // the last one that has been called
  std::uint64_t ended = 0;   // the last one that has ended
  Signatures signatures{};
  // Of operation ended + 1, where issued > ended:
  const char* name = "";                        // "all_to_all", ...; a literal
  std::uint64_t bytes = 0;                      // of this rank's buffer
  std::chrono::steady_clock::time_point since;  // when it came to its turn
  std::string failure;                          // what the library has reported; empty: nothing
};

// FNV-1a over 64-bit words: how a signature is made.
class Signature {
 public:
  void add(std::uint64_t word) {
    for (int shift = 0; shift < 64; shift += 8) value_ = (value_ ^ ((word >> shift) & 0xff)) * 0x100000001b3u;
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

// A communicator that the watchdog looks at, from its own thread, at any time until ProcessGroup::leave().
class ObservedCommunicator {
 public:
  virtual ~ObservedCommunicator() = default;
  virtual CollectiveState state() const = 0;  // must not wait for the network
  // The process is about to end because a peer is lost: lets go of what would hang (ncclCommAbort). At most once.
  virtual void abort() noexcept {}
};

}  // namespace plait
