// RUN/rank-<r>.exit: why a rank has left with code 7, written by its watchdog. Launchers' own exit codes do not tell.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace plait {

struct ExitRecord {
  int rank = 0;
  std::string host;
  int code = 7;
  std::int64_t step = 0;
  std::string collective;  // what this rank was doing with its peers, "none" if nothing
  int peer = -1;           // the rank to blame; -1: not known
  std::string peer_host;
  std::string reason;  // one line
};

std::filesystem::path exit_file(const std::filesystem::path& folder, int rank);

// One `key = value` a line (texts in quotes: it is TOML), mode 0600, by renaming: whole or not at all. For a process
// that is about to end: what cannot be written is not an error, false then.
bool write_exit_file(const std::filesystem::path& folder, const ExitRecord& record) noexcept;

}  // namespace plait
