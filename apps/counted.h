// "1 patient", "2 patients": what is said to people counts properly.
#pragma once

#include <cstdint>
#include <string>

namespace plait {

inline std::string counted(std::int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace plait
