// Selective prediction: what is the risk where the model answers only when it is confident enough?
// Sources: El-Yaniv and Wiener, JMLR 11 (2010): the curve; Geifman, Uziel, El-Yaniv, ICLR 2019: its area, and the
// excess over the best order.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace plait {

struct RiskAtCoverage {
  double threshold = 0.0;  // answered: confidence >= threshold
  double coverage = 0.0;   // share of the patients who are answered
  double risk = 0.0;       // mean loss of those
};

struct RiskCoverage {
  std::vector<RiskAtCoverage> points;  // one a distinct confidence, from the most confident to coverage 1
  // Mean over k = 1 .. n of the mean loss of the k most confident. Equally confident patients share their mean loss,
  // so the area does not depend on the order of the patients.
  std::optional<double> area;         // nobody: empty
  std::optional<double> excess_area;  // area - the area of an order by loss; 0 is the best order, not the best model
};

// confidence[n], loss[n] (1 where the decision is wrong, else 0; or any loss). Every finite value goes; O(n log n).
// Throws ExitCode::internal where the sizes differ, numeric where a value is not finite.
RiskCoverage risk_coverage(std::span<const double> confidence, std::span<const double> loss);

// The point of the largest coverage whose risk is at most `risk`: its threshold is where to abstain. Empty where no
// coverage is safe enough. Choose it on the validation part.
std::optional<RiskAtCoverage> widest_coverage(const RiskCoverage& curve, double risk);

}  // namespace plait
