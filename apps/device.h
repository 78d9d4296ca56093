// Where a run computes: the --device option and the number of CPU threads.
#pragma once

#include <cstdint>
#include <string>

namespace plait {

// Settles the device: sets the number of threads (0 = all cores) and returns one line that says what was chosen and
// why. A device that this build does not have is a device error.
std::string choose_device(const std::string& device, std::int64_t threads);

// "AMD EPYC ..., 2 cores, avx512".
std::string describe_cpu();

}  // namespace plait
