// Barriers of a block: number 0 is __syncthreads, which returned threads leave; 1 to 15 are named.
#include "kernels/simt/block.h"

namespace plait::simt {

void BlockRunner::open_barrier(int id) {
  Barrier& barrier = barriers_[static_cast<std::size_t>(id)];
  if (checker_.active()) checker_.ordered(barrier.participants, barrier.participants.size() == count_ - done_);
  for (const std::uint16_t thread : barrier.waiting) {
    threads_[thread].votes = barrier.votes;
    make_ready(thread);
  }
  barrier.waiting.clear();
  barrier.participants.clear();
  barrier.arrived = 0;
}

// Apart from the meeting itself, whose frame stays small: every waiting thread's stack holds one.
void BlockRunner::report_barrier(int id, int expected, Location where) const {
  const Barrier& barrier = barriers_[static_cast<std::size_t>(id)];
  if (barrier.where.line != where.line && id == 0)
    checker_.report("barrier " + describe(where), "divergent barrier: threads of one block meet at " +
                                                      describe(barrier.where) + " and at " + describe(where));
  else if (barrier.expected != expected)
    checker_.report("barrier count " + describe(where), "named barrier " + std::to_string(id) + " is met with " +
                                                            std::to_string(barrier.expected) + " threads at " +
                                                            describe(barrier.where) + " and with " +
                                                            std::to_string(expected) + " at " + describe(where));
}

BarrierVotes BlockRunner::meet_at_barrier(int id, int expected, bool waits, bool value, const char* name,
                                          Location where) {
  Barrier& barrier = barriers_[static_cast<std::size_t>(id)];
  if (barrier.arrived == 0) {
    barrier.where = where;
    barrier.expected = expected;
    barrier.votes = {};
  } else if (barrier.where.line != where.line || barrier.expected != expected) {
    report_barrier(id, expected, where);
  }
  const auto thread = static_cast<std::uint16_t>(current.linear);
  barrier.votes.count += value ? 1 : 0;
  barrier.votes.all &= value ? 1 : 0;
  barrier.votes.any |= value ? 1 : 0;
  if (checker_.active()) barrier.participants.push_back(thread);
  const int needed = expected > 0 ? expected : static_cast<int>(count_ - done_);
  if (++barrier.arrived >= needed) {
    const BarrierVotes votes = barrier.votes;
    open_barrier(id);
    return votes;
  }
  if (!waits) return {};
  barrier.waiting.push_back(thread);
  wait(name, where);
  return threads_[thread].votes;
}

BarrierVotes block_barrier(bool value, Location where) {
  return BlockRunner::Pause(*BlockRunner::running())->meet_at_barrier(0, 0, true, value, "__syncthreads", where);
}

void named_barrier(int id, int threads, bool waits, Location where) {
  BlockRunner::Pause(*BlockRunner::running())->meet_at_barrier(id, threads, waits, false, "a named barrier", where);
}

}  // namespace plait::simt
