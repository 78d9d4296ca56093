// A text file read whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

#include "engine/error.h"

namespace plait {

// A file that is not there, is a folder, cannot be read or is longer than `most` bytes is an error of that code, naming
// the file: bad data for what a user gave, a storage error for plait's own files.
std::string read_text_file(const std::filesystem::path& path, std::size_t most, ExitCode code = ExitCode::data);

}  // namespace plait
