// What a call throws: its exit code and message, for one-line expectations.
#pragma once

#include <string>
#include <string_view>

#include "engine/error.h"

namespace plait::test {

struct Thrown {
  ExitCode code = ExitCode::done;  // done: nothing was thrown
  std::string message;

  bool says(std::string_view part) const { return message.find(part) != std::string::npos; }
};

template <class Call>
Thrown error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {};
}

}  // namespace plait::test
