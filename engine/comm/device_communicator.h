// The ranks of a process group on their GPUs. nccl.cpp or no_nccl.cpp defines it: the linker chooses.
#pragma once

#include <memory>

#include "engine/comm/process_group.h"

namespace plait {

// Whether this program can.
bool joins_devices();

// A communicator for device memory over all ranks, each on the calling thread's current device (one of its own). NCCL's
// id goes over group.host(). Collective; observed by the group, so it has to live until group.leave(). Null where
// joins_devices() is false.
std::unique_ptr<Communicator> join_on_devices(ProcessGroup& group);

}  // namespace plait
