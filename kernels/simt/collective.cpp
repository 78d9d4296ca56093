// Rendezvous of a warp's lanes. Every lane leaves a pointer into its own stack; the last one to arrive does the work
// for all: no copies and no second rendezvous.
#include <cstring>

#include "kernels/simt/block.h"
#include "kernels/simt/language.h"

namespace plait::simt {

void BlockRunner::finish_collective(Warp& warp, Collective& collective, unsigned warp_index, int self) {
  const std::uint32_t arrived = collective.arrived;
  collective.combine(collective.payloads.data(), arrived);
  if (collective.orders_memory) checker_.ordered_lanes(warp_index, arrived);
  for (unsigned lane = 0; lane < 32; ++lane)
    if ((arrived >> lane & 1u) != 0 && static_cast<int>(lane) != self) make_ready(warp_index * 32 + lane);
  collective.arrived = 0;
  --warp.open;
}

// Apart from the meeting itself, whose frame stays small: every waiting thread's stack holds one.
void BlockRunner::report_collective(const Collective* meeting, std::uint32_t mask, const char* name,
                                    Location where) const {
  if ((mask >> current.linear % 32 & 1u) == 0)
    checker_.report("mask " + describe(where), std::string("wrong lane mask: ") + name + " at " + describe(where) +
                                                   " by a lane that its mask leaves out");
  else if (meeting == nullptr)
    checker_.report("collectives " + describe(where),
                    "lanes of one warp meet in more than four groups at once, at " + describe(where));
  else
    checker_.report("collective " + describe(where), std::string("divergent warp: lanes meet at ") + meeting->name +
                                                         ", " + describe(meeting->where) + ", and at " + name + ", " +
                                                         describe(where));
}

void BlockRunner::meet_in_warp(std::uint32_t mask, const char* name, void* payload, Combine combine, bool orders_memory,
                               Location where) {
  const unsigned warp_index = current.linear / 32, lane = current.linear % 32;
  Warp& warp = warps_[warp_index];
  if ((mask >> lane & 1u) == 0) {
    report_collective(nullptr, mask, name, where);
    return;
  }
  Collective* meeting = nullptr;
  if (warp.open > 0)
    for (Collective& open : warp.collectives)
      if (open.arrived != 0 && open.mask == mask) meeting = &open;
  if (meeting == nullptr) {
    for (Collective& free : warp.collectives)
      if (free.arrived == 0) meeting = &free;
    if (meeting == nullptr) {
      report_collective(nullptr, mask, name, where);
      wait(name, where);
      return;
    }
    meeting->mask = mask;
    meeting->name = name;
    meeting->where = where;
    meeting->combine = combine;
    meeting->orders_memory = orders_memory;
    ++warp.open;
  } else if (meeting->where.line != where.line || (meeting->name != name && std::strcmp(meeting->name, name) != 0)) {
    report_collective(meeting, mask, name, where);
    if (meeting->combine != combine) {  // what these lanes brought cannot be combined
      wait(name, where);
      return;
    }
  }
  meeting->arrived |= 1u << lane;
  meeting->payloads[lane] = payload;
  if ((mask & warp.alive & ~meeting->arrived) == 0)
    finish_collective(warp, *meeting, warp_index, static_cast<int>(lane));
  else
    wait(name, where);
}

void warp_collective(std::uint32_t mask, const char* name, void* payload, Combine combine, bool orders_memory,
                     Location where) {
  BlockRunner::Pause(*BlockRunner::running())->meet_in_warp(mask, name, payload, combine, orders_memory, where);
}

void report_absent_lane(const char* name, int lane, Location where) {
  BlockRunner::Pause(*BlockRunner::running())
      ->report("absent lane " + describe(where), std::string("absent lane: ") + name + " at " + describe(where) +
                                                     " reads from lane " + std::to_string(lane) +
                                                     ", which has returned or is not in the mask");
}

std::uint32_t ballot(std::uint32_t mask, bool predicate, const char* name, Location where) {
  struct Vote {
    bool predicate;
    std::uint32_t result;
  } vote{predicate, 0};
  warp_collective(
      mask, name, &vote,
      [](void* const* payloads, std::uint32_t arrived) {
        std::uint32_t result = 0;
        for (unsigned lane = 0; lane < 32; ++lane)
          if ((arrived >> lane & 1u) != 0 && static_cast<const Vote*>(payloads[lane])->predicate) result |= 1u << lane;
        for (unsigned lane = 0; lane < 32; ++lane)
          if ((arrived >> lane & 1u) != 0) static_cast<Vote*>(payloads[lane])->result = result;
      },
      false, where);
  return vote.result;
}

}  // namespace plait::simt
