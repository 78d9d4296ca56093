#include "apps/predictions_target.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "engine/error.h"

namespace plait {
namespace {

namespace fs = std::filesystem;

bool lies_inside(const fs::path& file, const fs::path& folder) {
  std::error_code failed;
  const fs::path whole = fs::canonical(folder, failed);
  if (failed) return false;
  const auto [end, ignored] = std::mismatch(whole.begin(), whole.end(), file.begin(), file.end());
  return end == whole.end();
}

// "patient_id,...,abstain": the first and the last column of every predictions file.
bool holds_predictions(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string header(1 << 20, '\0');
  in.read(header.data(), static_cast<std::streamsize>(header.size()));
  header.resize(static_cast<std::size_t>(in.gcount()));
  header.resize(std::min(header.find('\n'), header.size()));
  return header.starts_with("patient_id,") && header.ends_with(",abstain");
}

}  // namespace

void check_predictions_target(const std::string& out, const std::string& run, const std::string& cohort) {
  std::error_code failed;
  const fs::path file = fs::canonical(out, failed);
  if (failed || !fs::is_regular_file(file)) return;  // free, or no file: what cannot be written says so itself
  for (const auto& [folder, name] : {std::pair(&cohort, "cohort"), std::pair(&run, "run")})
    if (lies_inside(file, *folder))
      fail_usage(out + " exists and lies inside the " + name +
                 " folder, where nothing is replaced; choose another --out");
  if (!holds_predictions(file))
    fail_usage(out + " exists and does not hold predictions; choose another --out or remove it");
}

}  // namespace plait
