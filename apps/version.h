#pragma once

namespace plait {

inline constexpr const char* version = PLAIT_VERSION;

}  // namespace plait
