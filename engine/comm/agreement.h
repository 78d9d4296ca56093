// What ranks do together or not at all: a decision of one rank alone would leave the others waiting for it.
#pragma once

#include <functional>

#include "engine/comm/communicator.h"
#include "engine/error.h"

namespace plait {

// What every rank throws at the same place with the same message.
class AgreedError : public Error {
 public:
  using Error::Error;
};

// Whether any rank says so. Host memory.
bool any_rank(Communicator& ranks, bool here);

// Runs `work` and, when that fails with an Error on any rank, throws AgreedError on every one: the lowest failing
// rank's code and message. `work` holds no collective.
void together(Communicator& ranks, const std::function<void()>& work);

// The second half of it: failure is this rank's (null: none).
void fail_together(Communicator& ranks, const Error* failure);

}  // namespace plait
