// Which of its machine's GPUs a rank computes on: one of its own.
#pragma once

#include <array>

#include "engine/comm/communicator.h"

namespace plait {

// The rank's place among those of its machine is the GPU's among those that it sees. Some launchers show each rank the
// one GPU that they have given it. Throws a device error where there are too few.
int device_of_rank(int local_rank, int devices);

// Whether two ranks have taken the same GPU: a device error that names them, on all ranks. uuid: zeros match nothing.
// Host memory.
void require_own_device(Communicator& ranks, const std::array<unsigned char, 16>& uuid);

}  // namespace plait
