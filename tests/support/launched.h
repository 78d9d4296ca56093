// Ranks of a command under a launcher: their processes, exit codes and what they print.
#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/mpi_run.h"

namespace plait::test {

using Clock = std::chrono::steady_clock;
using Words = std::vector<std::string>;

inline double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// How a rank is started: by itself, or by a shell that waits for it and notes its exit code, which the launcher does
// not tell. That shell hands SIGTERM on, but nothing else.
enum class Start { plain, noted };

// A command on several ranks. Each notes its process first (rank-<r>.process).
class Launched {
 public:
  // words_of(rank): its command.
  Launched(int ranks, Start start, const std::function<Words(int)>& words_of, const Words& options = {},
           const Environment& environment = mpi_environment())
      : ranks_(ranks), program_(command(start, words_of, options), environment) {}

  pid_t process(int rank) const {
    for (const Clock::time_point begin = Clock::now(); seconds_since(begin) < 60;) {
      const std::string text = read_bytes(mark(rank, "process"));
      if (text.ends_with('\n')) return std::stoi(text);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    throw std::runtime_error("the ranks do not start: " + program_.printed());
  }
  std::vector<pid_t> processes() const {
    std::vector<pid_t> all;
    for (int rank = 0; rank < ranks_; ++rank) all.push_back(process(rank));
    return all;
  }

  // Until the first rank has printed it. False: time is up.
  bool wait_printed(std::string_view text) const {
    for (const Clock::time_point begin = Clock::now(); seconds_since(begin) < 60;) {
      if (program_.printed().find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return false;
  }

  Finished wait() { return program_.wait(); }
  Finished end(int signal) { return program_.end(signal); }

  // By rank, of noted ones.
  Words codes() const {
    Words all;
    for (int rank = 0; rank < ranks_; ++rank) {
      std::string text;
      for (int i = 0; i < 500 && !text.ends_with('\n'); ++i) {
        text = read_bytes(mark(rank, "code"));
        if (!text.ends_with('\n')) std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
      all.push_back(text.substr(0, text.find('\n')));
    }
    return all;
  }

 private:
  std::filesystem::path mark(int rank, const char* what) const {
    return marks_ / ("rank-" + std::to_string(rank) + "." + what);
  }

  Words command(Start start, const std::function<Words(int)>& words_of, const Words& options) const {
    const std::string plain = "echo $$ > \"$0.process\"; exec \"$@\"";
    // In a session of its own: what the launcher does to the shell, killing it included, does not lose the code.
    const std::string noted =
        "trap 'kill -TERM $(cat \"$0.process\")' TERM\n"
        "setsid /bin/sh -c '/bin/sh -c \"echo \\$\\$ > \\\"\\$0.process\\\"; exec \\\"\\$@\\\"\" \"$0\" \"$@\"\n"
        "code=$?; echo $code > \"$0.code\"; exit $code' \"$0\" \"$@\" &\n"
        "while kill -0 $! 2>/dev/null; do wait $!; code=$?; done; exit $code";
    Words all = {PLAIT_MPIRUN};
    all.insert(all.end(), options.begin(), options.end());
    for (int rank = 0; rank < ranks_; ++rank) {
      if (rank > 0) all.emplace_back(":");
      all.insert(all.end(), {"-n", "1", "/bin/sh", "-c", start == Start::plain ? plain : noted,
                             (marks_ / ("rank-" + std::to_string(rank))).string()});
      const Words words = words_of(rank);
      all.insert(all.end(), words.begin(), words.end());
    }
    return all;
  }

  int ranks_;
  TemporaryFolder marks_;
  Program program_;
};

inline int lines_that_begin(const std::string& text, const std::string& begin) {
  int count = 0;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    if (text.compare(at, begin.size(), begin) == 0) ++count;
    if (text.find('\n', at) == std::string::npos) break;
  }
  return count;
}

inline bool is_running(pid_t process) {
  const std::string status = read_bytes("/proc/" + std::to_string(process) + "/stat");
  const auto name_end = status.rfind(") ");
  return name_end != std::string::npos && status[name_end + 2] != 'Z' && status[name_end + 2] != 'X';
}

// A few launchers need a moment to bury the last rank.
inline bool all_gone(const std::vector<pid_t>& processes) {
  for (int i = 0; i < 400; ++i) {
    if (std::none_of(processes.begin(), processes.end(), is_running)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

// The launcher waits so long between SIGCONT, SIGTERM and SIGKILL: one second is short on a loaded machine.
inline const Words patient_launcher = {"--mca", "odls_base_sigkill_timeout", "2"};

}  // namespace plait::test
