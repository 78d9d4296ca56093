// Runs the program that was built.
#pragma once

#include <string>
#include <vector>

#include "tests/support/program.h"

namespace plait::test {

// The `plait` of this build.
inline std::vector<std::string> plait_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), PLAIT_BINARY);
  return arguments;
}
inline Finished plait_run(const std::vector<std::string>& arguments, const Environment& environment = {}) {
  return run_program(plait_command(arguments), environment);
}

// A refusal as every one should be: this exit code, nothing on standard output, one line on standard error that begins
// with the program's name.
inline bool refused(const Finished& finished, int code) {
  return finished.code == code && finished.out.empty() && finished.err.starts_with("plait: ") &&
         finished.err.find('\n') + 1 == finished.err.size();
}

}  // namespace plait::test
