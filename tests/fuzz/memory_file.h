// What the targets share: the input as a file that never meets a disk, and what a reader may throw.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

#include "engine/error.h"

namespace plait::fuzz {

// A file in memory whose content is replaced from input to input.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(memfd_create("input", 0)) { require(descriptor_ >= 0); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  // Its path; a regular file to whoever asks.
  std::filesystem::path fill(std::string_view bytes) const {
    require(ftruncate(descriptor_, 0) == 0);
    require(pwrite(descriptor_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    return "/proc/self/fd/" + std::to_string(descriptor_);
  }

  // Fuzzing stops where this does not hold.
  static void require(bool holds) {
    if (!holds) std::abort();
  }

 private:
  int descriptor_;
};

// A folder in memory, gone with the process where it ends by itself.
class MemoryFolder {
 public:
  MemoryFolder() {
    std::string name = "/dev/shm/plait-fuzz-XXXXXX";
    MemoryFile::require(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~MemoryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  MemoryFolder(const MemoryFolder&) = delete;
  MemoryFolder& operator=(const MemoryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Runs read(); a refusal with one of the codes is an answer, anything else that is thrown ends the fuzzing. True when
// nothing was thrown.
template <class Read>
bool accepted(ExitCode code, Read&& read, ExitCode other = ExitCode::done) {
  try {
    read();
    return true;
  } catch (const Error& error) {
    MemoryFile::require(error.code() == code || (other != ExitCode::done && error.code() == other));
    MemoryFile::require(error.what()[0] != '\0');
    return false;
  }
}

}  // namespace plait::fuzz
