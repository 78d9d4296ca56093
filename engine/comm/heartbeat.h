// What ranks tell each other every second: fixed size, the same build on every rank.
#pragma once

#include <array>
#include <cstdint>

#include "engine/comm/collective_state.h"

namespace plait {

struct Heartbeat {
  enum class Kind : std::int32_t {
    alive,
    goodbye,  // the last one of this rank: it has nothing more to do with its peers
    failed,   // so is this: it ends with `code`, by an error of its own
    leaving,  // and this: it ends with 7 because of `peer`
  };
  // On one communicator.
  struct Progress {
    std::uint64_t issued = 0, ended = 0;  // as in CollectiveState
    Signatures signatures{};
  };

  Kind kind = Kind::alive;
  std::int32_t code = 0;
  std::int32_t peer = -1;
  std::int32_t cause = 0;  // PeerWatch::Cause
  double seconds = 0;      // how long that peer had been silent or late
  std::int64_t step = 0;
  std::array<Progress, 4> progress{};
};

}  // namespace plait
