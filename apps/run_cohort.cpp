#include "apps/run_cohort.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/printable.h"
#include "engine/error.h"

namespace plait {

RunCohort open_run_with_cohort(const std::string& run, const std::string& cohort, bool read_targets, Trace* trace) {
  const Phase phase(trace, "open run and cohort");
  RunCohort opened;
  opened.trained = open_run(run);
  CohortOptions options{
      .for_training = false, .read_targets = read_targets, .image_size = image_size_of(opened.trained.fit)};
  for (const ModalityFit& modality : opened.trained.fit.modalities)
    if (!modality.read) options.unread.push_back(modality.name);
  opened.cohort = std::make_unique<Cohort>(read_cohort(cohort, options));
  opened.dataset = std::make_unique<Dataset>(*opened.cohort, opened.trained.fit);
  for (const ModalityFit& modality : opened.trained.fit.modalities) opened.modalities.push_back(modality.name);
  for (const std::string& note : opened.dataset->notes()) fmt::print(stderr, "note: {}\n", printable(note));
  return opened;
}

ModalityMask modality_bits(const RunCohort& opened, const std::vector<std::string>& names) {
  unsigned bits = 0;
  for (const std::string& name : names) {
    const auto found = std::find(opened.modalities.begin(), opened.modalities.end(), name);
    if (found == opened.modalities.end())
      fail_usage(fmt::format("--without {}: the model has no such modality; it has {}", name,
                             fmt::join(opened.modalities, ", ")));
    bits |= 1u << (found - opened.modalities.begin());
  }
  return static_cast<ModalityMask>(bits);
}

}  // namespace plait
