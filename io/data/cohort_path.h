// Files of a cohort stay inside its folder: whatever cohort.toml says, nothing else of the machine is read.
#pragma once

#include <filesystem>
#include <string_view>

#include "engine/error.h"

namespace plait {

// True when `path` (need not exist) is `folder` or lies below it once symbolic links are followed, compared component
// by component: /data/cohort2 is not inside /data/cohort.
bool is_inside(const std::filesystem::path& folder, const std::filesystem::path& path);

// folder / relative. Data error at `where` (the place in cohort.toml) for an empty or absolute path, a "..", a NUL, or
// a symbolic link that leads out of the folder.
std::filesystem::path path_inside(const std::filesystem::path& folder, std::string_view relative,
                                  const FilePosition& where);

}  // namespace plait
