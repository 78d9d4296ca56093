#include "io/memory_room.h"

#include <fmt/format.h>

#include "engine/error.h"
#include "engine/parameter_memory.h"

namespace plait {

void check_room(std::uint64_t items, std::uint64_t bytes_each, const std::string& what, const std::string& advice) {
  const std::uint64_t limit = memory_limit_bytes();
  if (bytes_each == 0 || items <= limit / bytes_each) return;
  fail_device(fmt::format("no memory for {}: {:.1f} GB are needed, there are {:.1f} GB; {}", what,
                          static_cast<double>(items) * static_cast<double>(bytes_each) * 1e-9,
                          static_cast<double>(limit) * 1e-9, advice));
}

}  // namespace plait
