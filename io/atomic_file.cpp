#include "io/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "engine/error.h"

namespace plait {
namespace {

std::filesystem::path folder_of(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.parent_path();
  return parent.empty() ? std::filesystem::path(".") : parent;
}

constexpr std::string_view partial_mark = ".partial-";

// What killed processes have left of this file. Those that somebody writes are locked.
void remove_leftovers(const std::filesystem::path& path) {
  const std::string prefix = path.filename().string() + std::string(partial_mark);
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(folder_of(path), failed), end; !failed && entry != end;
       entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix) || name.size() != prefix.size() + 6) continue;
    const int descriptor = ::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (descriptor < 0) continue;
    if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) unlink(entry->path().c_str());
    close(descriptor);
  }
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  // A rename would replace the link, not what it leads to; and a device (/dev/stdout) must never be replaced.
  std::error_code failed;
  if (std::filesystem::is_symlink(path_, failed)) path_ = std::filesystem::weakly_canonical(path_, failed);
  const std::filesystem::file_status status = std::filesystem::status(path_, failed);
  if (std::filesystem::is_directory(status)) {
    errno = EISDIR;
    fail();
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    fail_storage(path_.string() + ": is a device or a pipe; name a file that can be replaced as a whole");
  remove_leftovers(path_);
  std::string name = path_.string() + std::string(partial_mark) + "XXXXXX";
  const int descriptor = mkstemp(name.data());  // 0600
  if (descriptor < 0) fail();
  flock(descriptor, LOCK_EX | LOCK_NB);  // as long as it is held the file is no leftover
  partial_ = name;
  file_ = fdopen(descriptor, "wb");
  if (file_ == nullptr) {
    close(descriptor);
    unlink(partial_.c_str());
    fail();
  }
}

AtomicFile::~AtomicFile() {
  if (file_ != nullptr) std::fclose(file_);
  if (!partial_.empty()) unlink(partial_.c_str());
}

void AtomicFile::write(const void* bytes, std::size_t count) {
  if (count != 0 && std::fwrite(bytes, 1, count, file_) != count) fail();
}

void AtomicFile::commit() {
  if (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0) fail();
  if (std::fclose(std::exchange(file_, nullptr)) != 0) fail();
  if (std::rename(partial_.c_str(), path_.c_str()) != 0) fail();
  partial_.clear();
  sync_to_disk(folder_of(path_));
}

void AtomicFile::fail() const {
  fail_storage(path_.string() + ": cannot be written: " + std::strerror(errno));
}

void write_text_file(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

void sync_to_disk(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool failed = descriptor < 0 || fsync(descriptor) != 0;
  // Some network file systems cannot sync a folder and say so; the data itself is safe there by other means.
  const bool refused = failed && errno != EINVAL && errno != ENOTSUP;
  const std::string reason = std::strerror(errno);
  if (descriptor >= 0) close(descriptor);
  if (refused) fail_storage(path.string() + ": cannot be flushed to the disk: " + reason);
}

}  // namespace plait
