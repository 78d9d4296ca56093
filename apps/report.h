// How a command that fails ends: one line on standard error and an exit code.
#pragma once

#include <cstdio>
#include <string>

#include "apps/printable.h"
#include "engine/error.h"

namespace plait {

inline int report(const std::string& message, ExitCode code) {
  std::fprintf(stderr, "plait: %s\n", printable(message).c_str());
  return static_cast<int>(code);
}

}  // namespace plait
