// A cohort folder of a test's own, written file by file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/formats/png.h"
#include "tests/support/temporary_folder.h"

namespace plait::test {

inline constexpr std::string_view binary_task =
    "[task]\nkind = \"binary\"\nfile = \"labels.csv\"\ntarget = \"label\"\n";
inline constexpr std::string_view ehr_table = "[modality.ehr]\nkind = \"table\"\nfile = \"ehr.csv\"\n";
inline constexpr std::string_view expression_table = "[modality.genes]\nkind = \"expression\"\nfile = \"genes.csv\"\n";
inline constexpr std::string_view image_files =
    "[modality.image]\nkind = \"image\"\nfiles = \"images/{patient_id}.png\"\n";

class CohortFolder {
 public:
  // cohort.toml: format = 1, then the sections.
  explicit CohortFolder(std::string_view sections) { write("cohort.toml", "format = 1\n" + std::string(sections)); }

  CohortFolder& write(const std::string& name, std::string_view text) {
    std::filesystem::create_directories((path() / name).parent_path());
    write_bytes(path() / name, text);
    return *this;
  }

  CohortFolder& image(const std::string& name, std::int64_t height, std::int64_t width, std::int64_t channels,
                      const std::vector<std::uint8_t>& bytes, int bits = 8) {
    std::filesystem::create_directories((path() / name).parent_path());
    write_png(path() / name, {height, width, channels, bits, bytes});
    return *this;
  }

  std::filesystem::path path() const { return folder_.path() / "cohort"; }
  std::string file(const std::string& name) const { return (path() / name).string(); }

 private:
  TemporaryFolder folder_;
};

}  // namespace plait::test
