// The reliability diagram: per bin of predicted probability what was said and what happened. The bins are those of
// expected_calibration_error(), which is the mean of their gaps weighted by their patients.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/metrics/multiplicity.h"

namespace plait {

struct ReliabilityBin {
  double lower = 0.0, upper = 0.0;  // [lower, upper); the last one holds 1 too
  std::uint64_t patients = 0;
  double mean_confidence = 0.0, mean_outcome = 0.0;  // 0 where nobody is
  std::uint64_t events = 0;                          // outcomes of 1
};

// confidence[n] probabilities, outcome[n] of 0 or 1, as for expected_calibration_error(). kCalibrationBins bins, in
// order, the empty ones too. Throws ExitCode::internal where the sizes differ.
std::vector<ReliabilityBin> reliability_bins(std::span<const double> confidence, std::span<const double> outcome,
                                             Multiplicity times = {});

}  // namespace plait
