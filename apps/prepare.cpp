#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

#include "apps/command.h"
#include "apps/counted.h"
#include "engine/error.h"
#include "io/data/cohort_path.h"
#include "io/data/prepared_cohort.h"
#include "io/formats/column_file.h"

namespace plait {
namespace {

namespace fs = std::filesystem;

// Nothing is replaced but an older prepared cohort, and a cohort's folder stays as it is.
void check_target(const fs::path& out, const fs::path& cohort) {
  std::error_code ignored;
  if (fs::is_directory(cohort, ignored) && is_inside(cohort, out))
    fail_usage(out.string() + " lies inside the cohort folder; choose another --out");
  if (fs::is_regular_file(out, ignored) && !ColumnFile::is_one(out))
    fail_usage(out.string() + " exists and is no prepared cohort; choose another --out or remove it");
}

}  // namespace

int run_prepare(const PrepareCommand& options) {
  std::error_code ignored;
  if (fs::is_regular_file(options.cohort, ignored))
    fail_usage(options.cohort + ": is a file; `plait prepare` takes a cohort folder");
  check_target(options.out, options.cohort);
  const bool terminal = isatty(fileno(stderr)) != 0;
  const Cohort cohort = prepare_cohort(options.cohort, options.out, [&](std::int64_t rows) {
    if (!terminal || rows % 1000 != 0) return;
    fmt::print(stderr, "\r{} rows and images", rows);
    std::fflush(stderr);
  });
  if (terminal) fmt::print(stderr, "\n");
  fmt::print("{}, {}, {:.1f} MB -> {}\n", counted(cohort.patients(), "patient"),
             cohort.modalities.size() == 1 ? "1 modality" : fmt::format("{} modalities", cohort.modalities.size()),
             static_cast<double>(fs::file_size(options.out)) * 1e-6, options.out);
  return 0;
}

}  // namespace plait
