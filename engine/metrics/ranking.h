// Areas under the ROC and the precision-recall curve. Sort once, O(n log n); after that each set of counts is one
// O(n) walk down the ranking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/metrics/multiplicity.h"

namespace plait {

// Both are empty unless both labels occur.
struct RankAreas {
  // Probability that a positive scores above a negative, ties counting one half (Mann-Whitney with midranks).
  std::optional<double> auc;
  // Step-wise area: sum over thresholds of (recall gained) * precision, equal scores forming one threshold.
  std::optional<double> average_precision;
};

class Ranking {
 public:
  // scores[n * per_patient], any finite values; labels[n * per_patient], 0 or 1. Item i belongs to patient
  // i / per_patient: the rows of [n, L] flattened give the micro average.
  Ranking(std::span<const double> scores, std::span<const double> labels, std::size_t per_patient = 1);

  RankAreas areas(Multiplicity times = {}) const;

 private:
  struct Item {
    std::uint32_t patient;
    bool positive;
    bool ends_tie;  // the next item scores strictly lower
  };
  std::vector<Item> items_;  // highest score first
};

std::optional<double> auc(std::span<const double> scores, std::span<const double> labels, Multiplicity times = {});

std::optional<double> average_precision(std::span<const double> scores, std::span<const double> labels,
                                        Multiplicity times = {});

// One ranking a column of [n, columns] (a class against the rest, or a label), and one of all cells together.
class ColumnRankings {
 public:
  // scores[n, columns], labels[n, columns] of 0 or 1, row-major.
  ColumnRankings(std::span<const double> scores, std::span<const double> labels, std::size_t columns);

  std::size_t columns() const { return columns_.size(); }
  RankAreas column(std::size_t column, Multiplicity times = {}) const { return columns_[column].areas(times); }
  // Mean over the columns in which both labels occur; empty when there is none.
  RankAreas macro(Multiplicity times = {}) const;
  RankAreas micro(Multiplicity times = {}) const { return pooled_.areas(times); }

 private:
  std::vector<Ranking> columns_;
  Ranking pooled_;
};

}  // namespace plait
