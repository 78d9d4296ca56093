#include "engine/metrics/reliability.h"

#include "engine/error.h"
#include "engine/metrics/calibration.h"

namespace plait {

std::vector<ReliabilityBin> reliability_bins(std::span<const double> confidence, std::span<const double> outcome,
                                             Multiplicity times) {
  check(confidence.size() == outcome.size(), "[reliability] confidence and outcome: not as many of each");
  std::vector<ReliabilityBin> bins(kCalibrationBins);
  for (std::size_t b = 0; b < bins.size(); ++b) {
    bins[b].lower = static_cast<double>(b) / static_cast<double>(kCalibrationBins);
    bins[b].upper = static_cast<double>(b + 1) / static_cast<double>(kCalibrationBins);
  }
  for (std::size_t i = 0; i < confidence.size(); ++i) {
    ReliabilityBin& bin = bins[calibration_bin(confidence[i])];
    bin.mean_confidence += static_cast<double>(times[i]) * confidence[i];  // a sum until all are in
    bin.events += outcome[i] > 0.5 ? times[i] : 0;
    bin.patients += times[i];
  }
  for (ReliabilityBin& bin : bins) {
    if (bin.patients == 0) continue;
    bin.mean_confidence /= static_cast<double>(bin.patients);
    bin.mean_outcome = static_cast<double>(bin.events) / static_cast<double>(bin.patients);
  }
  return bins;
}

}  // namespace plait
