// Where a run computes: the --device option and the number of CPU threads.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "engine/device.h"

namespace plait {

struct ChosenDevice {
  Device device;
  std::array<unsigned char, 16> uuid{};  // of a GPU
  std::string description;               // one line: what was chosen, and for `auto` why
};

// Settles the device and sets the number of CPU threads (0 = all cores). local_rank: among the ranks of this machine,
// each of which has a GPU of its own. A device that this build or this machine does not have is a device error.
ChosenDevice choose_device(const std::string& device, std::int64_t threads, int local_rank = 0);

// "AMD EPYC ..., 2 cores, avx512".
std::string describe_cpu();

// "NVIDIA H100 80GB HBM3, capability 9.0, 132 multiprocessors, 79.1 of 79.6 GiB free", or why there is none.
std::string describe_gpu();

}  // namespace plait
