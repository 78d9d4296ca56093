#include "io/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "engine/error.h"
#include "io/atomic_file.h"
#include "io/checkpoint.h"

namespace plait {
namespace {

namespace fs = std::filesystem;

constexpr const char* lock_name = "plait.lock";  // also the mark of a folder that a RunFolder made
constexpr const char* checkpoint_name = "checkpoint";

// Links resolved and no slash at the end, so that the partial folder lies beside the real target.
fs::path resolved(const fs::path& target) {
  if (target.empty()) fail_usage("the output folder has no name; give one with --out");
  std::error_code failed;
  fs::path path = fs::weakly_canonical(fs::absolute(target), failed);
  if (failed)
    fail_storage(target.string() + ": cannot be reached: " + failed.message() + "; choose an --out you may write to");
  path = path.lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

void check_free(const fs::path& target) {
  std::error_code failed;
  const fs::file_status status = fs::symlink_status(target, failed);
  if (!fs::exists(status)) return;
  if (fs::is_directory(status) && fs::is_empty(target, failed) && !failed) return;
  fail_usage(target.string() + " exists already; choose another --out or remove it");
}

void make_private(const fs::path& path, bool folder) {
  std::error_code failed;
  const fs::perms owner = folder ? fs::perms::owner_all : fs::perms::owner_read | fs::perms::owner_write;
  fs::permissions(path, owner, failed);
  if (failed) fail_storage(path.string() + ": permissions cannot be set: " + failed.message());
}

// Everything in an unfinished folder but the lock and, where there are any, its checkpoints.
void clear(const fs::path& partial) {
  const bool keep_checkpoints = has_checkpoints(partial / checkpoint_name);
  std::vector<fs::path> leftovers;
  std::error_code failed;
  for (fs::directory_iterator entry(partial, failed), end; !failed && entry != end; entry.increment(failed)) {
    const fs::path name = entry->path().filename();
    if (name != lock_name && !(keep_checkpoints && name == checkpoint_name)) leftovers.push_back(entry->path());
  }
  for (std::size_t i = 0; !failed && i < leftovers.size(); ++i) fs::remove_all(leftovers[i], failed);
  if (failed)
    fail_storage(partial.string() + ": cannot be cleared: " + failed.message() +
                 "; remove it, or choose an --out you may write to");
}

// The open lock of a folder, which has one or is empty: what somebody else has put there must not be cleared away.
int open_lock(const fs::path& partial) {
  const fs::path path = partial / lock_name;
  const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  int lock = open(path.c_str(), flags);
  if (lock < 0 && errno == ENOENT) {
    std::error_code failed;
    const bool empty = fs::is_empty(partial, failed) && !failed;
    lock = open(path.c_str(), empty ? flags | O_CREAT : flags, 0600);  // not empty: there by now, or not a run's
    if (failed) errno = failed.value();
    if (lock < 0 && errno == ENOENT)
      fail_storage(partial.string() +
                   " holds something that no interrupted run has left; move it away, or choose another --out");
  }
  if (lock < 0)
    fail_storage(partial.string() + ": cannot be written: " + std::strerror(errno) +
                 "; remove it, or choose an --out you may write to");
  return lock;
}

}  // namespace

bool is_finished(const fs::path& target) {
  std::error_code ignored;
  return fs::is_regular_file(target / "model.safetensors", ignored) &&
         fs::is_regular_file(target / "summary.json", ignored);
}

fs::path RunFolder::path_of(const fs::path& target) {
  return resolved(target).string() + ".partial";
}

fs::path RunFolder::checkpoints_of(const fs::path& target) {
  return path_of(target) / checkpoint_name;
}

RunFolder::RunFolder(const fs::path& target, Start start) : target_(resolved(target)) {
  check_free(target_);
  std::error_code failed;
  fs::create_directories(target_.parent_path(), failed);
  if (failed)
    fail_storage(target_.parent_path().string() + ": cannot be made: " + failed.message() +
                 "; choose an --out you may write to");
  partial_ = path_of(target_);
  take_partial(start);
}

void RunFolder::take_partial(Start start) {
  if (mkdir(partial_.c_str(), 0700) != 0 && errno != EEXIST)
    fail_storage(target_.parent_path().string() + ": no folder can be made in it: " + std::strerror(errno) +
                 "; choose an --out you may write to");
  std::error_code failed;
  if (!fs::is_directory(fs::symlink_status(partial_, failed)))
    fail_usage(partial_.string() + " is in the way; remove it");
  lock_ = open_lock(partial_);
  try {
    if (flock(lock_, LOCK_EX | LOCK_NB) != 0)
      fail_usage(target_.string() + " is being written by another process; choose another --out");
    if (start == Start::fresh && has_checkpoints(checkpoints()))
      fail_usage(partial_.string() + " holds the checkpoints of an interrupted run; go on with --resume, or remove it");
    clear(partial_);
  } catch (...) {
    close(lock_);
    throw;
  }
}

RunFolder::~RunFolder() {
  std::error_code ignored;
  if (!committed_ && !shared_ && !has_checkpoints(checkpoints())) fs::remove_all(partial_, ignored);
  if (lock_ >= 0) close(lock_);
}

void RunFolder::commit() {
  std::error_code failed;
  for (fs::recursive_directory_iterator entry(partial_, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    // Whatever was planted among the checkpoints: opening a pipe does not end.
    if (entry->is_symlink() || (!entry->is_directory() && !entry->is_regular_file())) continue;
    make_private(entry->path(), entry->is_directory());
    sync_to_disk(entry->path());
  }
  if (failed) fail_storage(partial_.string() + ": cannot be listed: " + failed.message());
  fs::remove(partial_ / lock_name, failed);
  sync_to_disk(partial_);
  committed_ = true;
  fs::rename(partial_, target_, failed);  // replaces an empty folder, nothing else
  if (failed)
    fail_storage(target_.string() + ": cannot take its name: " + failed.message() + "; the finished run is in " +
                 partial_.string());
  sync_to_disk(target_.parent_path());
  remove_checkpoints(target_);
}

fs::path RunFolder::checkpoints() const {
  return partial_ / checkpoint_name;
}

void remove_checkpoints(const fs::path& target) {
  std::error_code ignored;
  fs::remove_all(target / checkpoint_name, ignored);
}

}  // namespace plait
