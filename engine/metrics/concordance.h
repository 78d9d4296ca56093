// Harrell's concordance index of a risk under censoring. Source: Harrell, Lee, Mark, Statistics in Medicine 15 (1996).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/metrics/multiplicity.h"

namespace plait {

// Pairs of patients of whom the data tell who had the event first.
struct ConcordantPairs {
  std::uint64_t concordant = 0;  // the first one has the higher risk
  std::uint64_t discordant = 0;
  std::uint64_t tied_risk = 0;  // exactly equal: half of such a pair counts as concordant
  std::uint64_t tied_time = 0;  // of all these, pairs of an event and a censoring at the same time

  // Empty where there is no pair at all.
  std::optional<double> index() const;
};

// Tie rules: comparable is a patient with an event and anyone who was observed longer, or as long and then censored.
// Two events at the same time are not comparable. So do scikit-survival, which calls risks within 1e-8 tied, and
// lifelines, which wants exact ties too but takes predicted survival, the higher the longer.
class ConcordanceRanking {
 public:
  // time[n] and risk[n] (higher = earlier event), any finite numbers; event[n], 1, or 0 where the time is a censoring.
  // Sorts once, O(n log n). Throws ExitCode::internal for sizes or events not as above, numeric for a number that is
  // not finite.
  ConcordanceRanking(std::span<const double> time, std::span<const double> event, std::span<const double> risk);

  std::size_t patients() const { return order_.size(); }

  // O(n log n) without sorting. Copies of a patient are compared with all others, not with each other.
  ConcordantPairs pairs(Multiplicity times = {}) const;

 private:
  struct Item {
    std::uint32_t patient;
    std::uint32_t rank;  // of the risk among the distinct ones, from 0
    bool event;
    bool starts_time;  // the item before was observed strictly longer
  };
  std::vector<Item> order_;  // the longest observed first
  std::uint32_t ranks_ = 0;
};

std::optional<double> concordance_index(std::span<const double> time, std::span<const double> event,
                                        std::span<const double> risk, Multiplicity times = {});

}  // namespace plait
