// How much memory the executor's device has.
#pragma once

#include <cstddef>

namespace plait::simt {

// Bytes, for a test to set; 0 = as many as the host has. The first call reads PLAIT_SIMT_MEMORY.
std::size_t& memory_limit();

}  // namespace plait::simt
