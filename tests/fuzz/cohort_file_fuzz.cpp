// Any text as cohort.toml: whatever it says, no path leads out of the folder.
#include <algorithm>
#include <fstream>

#include "io/data/cohort_file.h"
#include "tests/fuzz/memory_file.h"

using namespace plait;
using fuzz::MemoryFile;

namespace {

// ".." is refused and the folder has one link, so what a path says is what it is.
void require_inside(const std::filesystem::path& folder, const std::filesystem::path& path) {
  const auto relative = path.lexically_relative(folder);
  MemoryFile::require(!relative.empty() && *relative.begin() != "out");
  MemoryFile::require(std::find(path.begin(), path.end(), "..") == path.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::MemoryFolder folder;
  static const bool linked = symlink("/etc", (folder.path() / "out").c_str()) == 0;
  MemoryFile::require(linked);
  std::ofstream(folder.path() / "cohort.toml", std::ios::binary) << fuzz::text_of(data, size);
  for (const auto mode : {ProblemLog::Mode::throw_first, ProblemLog::Mode::collect}) try {
      fuzz::accepted(
          ExitCode::data,
          [&] {
            ProblemLog log(mode);
            const CohortFile file = read_cohort_file(folder.path(), log);
            require_inside(folder.path(), file.labels_path);
            for (const ModalityEntry& entry : file.modalities) require_inside(folder.path(), entry.path);
            MemoryFile::require(!file.targets.empty() && !file.modalities.empty());
          },
          ExitCode::usage);
    } catch (const ProblemLog::Full&) {
    }
  return 0;
}
