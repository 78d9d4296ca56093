// Who knows of whose work: a vector clock a thread. Thread t's own entry is its time; entry u of it is the latest time
// of thread u whose work t has been ordered behind, by a barrier.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace plait::simt {

class Clocks {
 public:
  void begin(unsigned threads);

  std::uint32_t time(unsigned thread) const { return row(thread)[thread]; }
  bool knows(unsigned thread, unsigned other, std::uint32_t time) const { return row(thread)[other] >= time; }
  const std::uint32_t* row(unsigned thread) const { return &clocks_[std::size_t{thread} * threads_]; }
  unsigned threads() const { return threads_; }

  // These have met: each knows what any of them knew, and a new time begins for each.
  void meet(std::span<const std::uint16_t> threads);

 private:
  std::uint32_t* row(unsigned thread) { return &clocks_[std::size_t{thread} * threads_]; }

  unsigned threads_ = 0;
  std::vector<std::uint32_t> clocks_, joined_;
};

}  // namespace plait::simt
