// Where in a kernel a collective stands. A default argument `Location location = Location::current()` is the caller's
// line (std::source_location needs a newer clang than the one supported).
#pragma once

namespace plait::simt {

struct Location {
  const char* file = "";
  int line = 0;
  static constexpr Location current(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

}  // namespace plait::simt
