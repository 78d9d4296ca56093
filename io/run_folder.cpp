#include "io/run_folder.h"

#include <cstdlib>

#include "engine/error.h"
#include "io/atomic_file.h"

namespace plait {
namespace {

namespace fs = std::filesystem;

// Links resolved and no slash at the end, so that the partial folder lies beside the real target.
fs::path resolved(const fs::path& target) {
  if (target.empty()) fail_usage("the output folder has no name; give one with --out");
  std::error_code failed;
  fs::path path = fs::weakly_canonical(fs::absolute(target), failed);
  if (failed) fail_storage(target.string() + ": " + failed.message());
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

}  // namespace

RunFolder::RunFolder(const fs::path& target) : target_(resolved(target)) {
  check_free(target_);
  std::error_code failed;
  fs::create_directories(target_.parent_path(), failed);
  if (failed) fail_storage(target_.parent_path().string() + ": cannot be made: " + failed.message());
  std::string name = target_.string() + ".partial-XXXXXX";
  if (mkdtemp(name.data()) == nullptr)  // 0700
    fail_storage(target_.parent_path().string() + ": no folder can be made in it; is it writable, is the disk full?");
  partial_ = name;
}

RunFolder::~RunFolder() {
  std::error_code ignored;
  if (remove_) fs::remove_all(partial_, ignored);
}

void RunFolder::commit() {
  std::error_code failed;
  for (fs::recursive_directory_iterator entry(partial_, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (entry->is_symlink()) continue;
    make_private(entry->path(), entry->is_directory());
    sync_to_disk(entry->path());
  }
  if (failed) fail_storage(partial_.string() + ": cannot be listed: " + failed.message());
  sync_to_disk(partial_);
  fs::rename(partial_, target_, failed);  // replaces an empty folder, nothing else
  remove_ = false;
  if (failed)
    fail_storage(target_.string() + ": cannot take its name: " + failed.message() + "; the finished run is in " +
                 partial_.string());
  sync_to_disk(target_.parent_path());
}

}  // namespace plait
