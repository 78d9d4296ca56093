#include "io/generator/ceilings.h"

#include <algorithm>
#include <cmath>

#include "engine/metrics/ranking.h"
#include "kernels/cpu/parallel.h"

namespace plait::synth {
namespace {

// Every patient twice, once of each label, counted in proportion to the label's probability.
class ExpectedLabels {
 public:
  explicit ExpectedLabels(std::span<const double> probabilities) {
    const std::size_t n = probabilities.size();
    // At most 1e9 counts a label: pairs of them stay within 64 bits.
    const double scale = std::min(1e6, 1e9 / static_cast<double>(n));
    for (const double p : probabilities) times_.push_back(static_cast<std::uint32_t>(std::lround(scale * p)));
    for (const double p : probabilities) times_.push_back(static_cast<std::uint32_t>(std::lround(scale * (1.0 - p))));
    labels_.assign(n, 1.0);
    labels_.resize(2 * n, 0.0);
  }

  double auc_of(std::vector<double> scores) const {
    const std::size_t n = scores.size();
    scores.resize(2 * n);
    std::copy_n(scores.begin(), n, scores.begin() + static_cast<std::ptrdiff_t>(n));
    return auc(scores, labels_, Multiplicity(times_)).value_or(0.5);
  }

 private:
  std::vector<std::uint32_t> times_;
  std::vector<double> labels_;
};

}  // namespace

Ceilings compute_ceilings(std::span<const PatientScores> scores, std::span<const double> probabilities,
                          std::span<const double> labels) {
  Ceilings ceilings;
  if (scores.empty()) return ceilings;
  const ExpectedLabels expected(probabilities);
  cpu::parallel_for(4 * kSubsets, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t task = begin; task < end; ++task) {
      const auto subset = static_cast<std::size_t>(task) / 4;
      const bool available = (task & 1) != 0, latents = (task & 2) != 0;
      std::vector<double> column;
      column.reserve(scores.size());
      for (const PatientScores& patient : scores) {
        const SubsetScores& of = available ? patient.available : patient.complete;
        column.push_back((latents ? of.latents : of.observed)[subset]);
      }
      SubsetCeilings& to = available ? ceilings.available : ceilings.complete;
      (latents ? to.latents : to.observed)[subset] = {.auc = auc(column, labels),
                                                      .expected_auc = expected.auc_of(column)};
    }
  });
  return ceilings;
}

}  // namespace plait::synth
