#include "engine/comm/exit_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

namespace plait {
namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return result + '"';
}

std::string text_of(const ExitRecord& record) {
  return "rank = " + std::to_string(record.rank) + "\nhost = " + quoted(record.host) +
         "\ncode = " + std::to_string(record.code) + "\nstep = " + std::to_string(record.step) +
         "\ncollective = " + quoted(record.collective) + "\npeer = " + std::to_string(record.peer) +
         "\npeer_host = " + quoted(record.peer_host) + "\nreason = " + quoted(record.reason) + "\n";
}

}  // namespace

std::filesystem::path exit_file(const std::filesystem::path& folder, int rank) {
  return folder / ("rank-" + std::to_string(rank) + ".exit");
}

bool write_exit_file(const std::filesystem::path& folder, const ExitRecord& record) noexcept {
  try {
    const std::string name = exit_file(folder, record.rank).string(), partial = name + ".partial";
    const std::string text = text_of(record);
    const int file = open(partial.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (file < 0) return false;
    const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    // No fsync: a disk that hangs must not keep a rank that has to leave.
    if (close(file) == 0 && written && std::rename(partial.c_str(), name.c_str()) == 0) return true;
    unlink(partial.c_str());
  } catch (...) {
  }
  return false;
}

}  // namespace plait
