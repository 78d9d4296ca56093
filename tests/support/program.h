// Runs a program as a user's shell would: arguments, environment, both outputs, exit code.
#pragma once

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temporary_folder.h"

namespace plait::test {

using Environment = std::vector<std::pair<std::string, std::string>>;

struct Finished {
  int code = -1;  // exit code, or 128 + the signal that ended it
  std::string out, err;

  bool says(std::string_view part) const { return err.find(part) != std::string::npos; }
  bool prints(std::string_view part) const { return out.find(part) != std::string::npos; }
};

// A program under way, its outputs in files of its own.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments, const Environment& environment = {}) {
    const std::string out = (outputs_ / "out").string(), err = (outputs_ / "err").string();
    process_ = fork();
    if (process_ != 0) return;
    const int streams[] = {open("/dev/null", O_RDONLY), open(out.c_str(), O_CREAT | O_WRONLY, 0600),
                           open(err.c_str(), O_CREAT | O_WRONLY, 0600)};
    for (int i = 0; i < 3; ++i) dup2(streams[i], i);
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> words;
    for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
    words.push_back(nullptr);
    execvp(words[0], words.data());
    _exit(127);
  }
  ~Program() {
    if (process_ > 0) end(SIGKILL);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::string printed() const { return read_bytes(outputs_ / "out"); }  // so far

  Finished wait() {
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), printed(), read_bytes(outputs_ / "err")};
  }
  Finished end(int signal) {
    kill(process_, signal);
    return wait();
  }

 private:
  TemporaryFolder outputs_;
  pid_t process_ = -1;
};

inline Finished run_program(const std::vector<std::string>& arguments, const Environment& environment = {}) {
  return Program(arguments, environment).wait();
}

}  // namespace plait::test
