#include "io/data/cohort_path.h"

#include <algorithm>
#include <system_error>

namespace plait {

namespace fs = std::filesystem;

bool is_inside(const fs::path& folder, const fs::path& path) {
  std::error_code error;
  const fs::path root = fs::canonical(folder, error);
  if (error) return false;
  const fs::path real = fs::weakly_canonical(path, error);
  if (error) return false;
  // weakly_canonical() stops at the first component that does not exist; a link that leads nowhere is such a one.
  if (fs::is_symlink(fs::symlink_status(real, error))) return false;
  const auto [in_root, in_real] = std::mismatch(root.begin(), root.end(), real.begin(), real.end());
  return in_root == root.end();
}

fs::path path_inside(const fs::path& folder, std::string_view relative, const FilePosition& where) {
  if (relative.empty()) fail_data(where, "the path is empty");
  if (relative.find('\0') != relative.npos) fail_data(where, "the path holds a NUL byte");
  const fs::path path(relative);
  if (path.is_absolute()) fail_data(where, "the path is absolute: files of a cohort are named relative to its folder");
  if (std::find(path.begin(), path.end(), "..") != path.end()) {
    fail_data(where, "the path holds \"..\": files of a cohort stay inside its folder");
  }
  if (!is_inside(folder, folder / path)) {
    fail_data(where, "the path leads out of the cohort folder through a symbolic link");
  }
  return folder / path;
}

}  // namespace plait
