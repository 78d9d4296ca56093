// The asynchronous copies of one thread that have not landed yet, oldest first, and the groups that they are in.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/simt/ring.h"

namespace plait::simt {

struct PendingCopy {
  void* to;
  const void* from;
  int bytes, source_bytes;
};

class CopyQueue {
 public:
  bool empty() const { return copies_.size() == 0; }

  // By its parts: a struct built by the caller and copied here as a whole waits for its own stores.
  void push(void* to, const void* from, int bytes, int source_bytes) {
    PendingCopy& copy = copies_.push();
    copy.to = to;
    copy.from = from;
    copy.bytes = bytes;
    copy.source_bytes = source_bytes;
    ++open_;
  }

  // Closes the group of the copies since the last call; it may be empty.
  void close_group() {
    groups_.push() = open_;
    open_ = 0;
  }

  // land(copy) for the copies of all closed groups but the `pending` youngest.
  template <class Land>
  void land_groups(std::size_t pending, const Land& land) {
    while (groups_.size() > pending) {
      const std::size_t count = groups_[0];
      groups_.pop(1);
      for (std::size_t i = 0; i < count; ++i) land(copies_[i]);
      copies_.pop(count);
    }
  }

  void clear() {
    copies_.clear();
    groups_.clear();
    open_ = 0;
  }

 private:
  Ring<PendingCopy> copies_;
  Ring<std::uint32_t> groups_;  // copies in each closed group
  std::uint32_t open_ = 0;      // copies since the last one
};

}  // namespace plait::simt
