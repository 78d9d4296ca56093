// Any bytes as a prepared cohort: as they are, and with checksums that are right, since whoever writes a file can do
// so. What is accepted can be checked, fitted and made into batches.
#include "io/data/cohort_report.h"
#include "io/data/loader.h"
#include "tests/fuzz/memory_file.h"
#include "tests/support/column_bytes.h"

using namespace plait;
using fuzz::MemoryFile;

namespace {

void train_on(const std::filesystem::path& path, const CohortOptions& options) {
  const Cohort cohort = read_cohort(path, options);
  const std::vector<std::int64_t> training = labelled_patients(cohort);
  const Preprocess fit = fit_preprocess(cohort, training, {.image_size = options.image_size});
  const Dataset dataset(cohort, fit);
  Loader loader(dataset, all_patients(cohort), {.batch_size = 3, .prefetch = false});
  loader.start_epoch(0);
  std::int64_t patients = 0;
  while (const Batch* batch = loader.next()) {
    patients += batch->patients;
    for (std::int64_t i = 0; i < batch->patients; ++i)
      MemoryFile::require(batch->rows.as<std::int32_t>()[i] < cohort.patients());
  }
  MemoryFile::require(patients == cohort.patients());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const MemoryFile file;
  const std::string bytes(fuzz::text_of(data, size)), sealed = test::resealed(bytes);
  for (const std::string* content : {&bytes, &sealed}) {
    const auto path = file.fill(*content);
    // Images of several sizes are a note to the one and nothing to the other, which resizes them.
    const bool sound = fuzz::accepted(ExitCode::data, [&] { read_cohort(path, {.image_size = {3, 2}}); });
    MemoryFile::require(!check_cohort(path).report.problems.empty() || sound);
    fuzz::accepted(ExitCode::data, [&] { cohort_modalities(path); });
    fuzz::accepted(ExitCode::data, [&] { train_on(path, {}); });
    fuzz::accepted(ExitCode::data, [&] { train_on(path, {.image_size = {3, 2}}); });
  }
  return 0;
}
