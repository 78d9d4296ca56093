// The one exception type: a clear message (what, where, what to do) and the exit code the program ends with.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace plait {

// Exit codes of the command line (documented there; scripts rely on them).
enum class ExitCode : int {
  done = 0,
  internal = 1,
  usage = 2,          // wrong usage or configuration
  data = 3,           // bad data: file, line and column are named
  storage = 4,        // files or checkpoints cannot be written or read
  device = 5,         // device or memory
  numeric = 6,        // a non-finite loss or gradient
  peer = 7,           // a peer rank failed
  interrupted = 130,  // checkpointed on SIGINT (Ctrl-C)
  terminated = 143,   // checkpointed on SIGTERM
};

class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

// Where in a text file something is wrong; 1-based, 0 = not known.
struct FilePosition {
  std::string file;
  std::size_t line = 0, column = 0;
};

[[noreturn]] void fail_usage(const std::string& message);
[[noreturn]] void fail_data(const FilePosition& where, const std::string& message);  // "file:line:column: message"
[[noreturn]] void fail_storage(const std::string& message);
[[noreturn]] void fail_device(const std::string& message);

// An invariant of ours: throws ExitCode::internal with the caller's place in the source when it does not hold. (The
// builtins are what std::source_location is made of; it is not there with every compiler we support.)
void check(bool holds, std::string_view message, std::string_view file = __builtin_FILE(),
           unsigned line = __builtin_LINE());

}  // namespace plait
