#include "engine/metrics/ranking.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace plait {

Ranking::Ranking(std::span<const double> scores, std::span<const double> labels, std::size_t per_patient)
    : items_(scores.size()) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const std::size_t i = order[rank];
    const bool last = rank + 1 == order.size();
    items_[rank] = {.patient = static_cast<std::uint32_t>(i / per_patient),
                    .positive = labels[i] > 0.5,
                    .ends_tie = last || scores[order[rank + 1]] < scores[i]};
  }
}

RankAreas Ranking::areas(Multiplicity times) const {
  std::uint64_t positives = 0, negatives = 0;  // above the current tie
  std::uint64_t twice_ordered_pairs = 0;       // twice, so that half a pair is whole
  double precision_sum = 0.0;                  // over the positives, the precision at their threshold
  std::array<std::uint64_t, 2> tie{0, 0};      // negatives, positives
  for (const Item& item : items_) {
    tie[item.positive] += times[item.patient];
    if (!item.ends_tie) continue;
    twice_ordered_pairs += tie[0] * (2 * positives + tie[1]);
    negatives += tie[0];
    positives += tie[1];
    if (tie[1] > 0)
      precision_sum +=
          static_cast<double>(tie[1]) * static_cast<double>(positives) / static_cast<double>(positives + negatives);
    tie = {0, 0};
  }
  if (positives == 0 || negatives == 0) return {};
  const double pairs = static_cast<double>(positives) * static_cast<double>(negatives);
  return {.auc = static_cast<double>(twice_ordered_pairs) / (2.0 * pairs),
          .average_precision = precision_sum / static_cast<double>(positives)};
}

std::optional<double> auc(std::span<const double> scores, std::span<const double> labels, Multiplicity times) {
  return Ranking(scores, labels).areas(times).auc;
}

std::optional<double> average_precision(std::span<const double> scores, std::span<const double> labels,
                                        Multiplicity times) {
  return Ranking(scores, labels).areas(times).average_precision;
}

ColumnRankings::ColumnRankings(std::span<const double> scores, std::span<const double> labels, std::size_t columns)
    : pooled_(scores, labels, columns) {
  const std::size_t n = columns == 0 ? 0 : scores.size() / columns;
  std::vector<double> column_scores(n), column_labels(n);
  for (std::size_t c = 0; c < columns; ++c) {
    for (std::size_t i = 0; i < n; ++i) {
      column_scores[i] = scores[i * columns + c];
      column_labels[i] = labels[i * columns + c];
    }
    columns_.emplace_back(column_scores, column_labels);
  }
}

RankAreas ColumnRankings::macro(Multiplicity times) const {
  double auc_sum = 0.0, precision_sum = 0.0;
  int defined = 0;
  for (const Ranking& column : columns_) {
    const RankAreas areas = column.areas(times);
    if (!areas.auc) continue;
    auc_sum += *areas.auc;
    precision_sum += *areas.average_precision;
    ++defined;
  }
  if (defined == 0) return {};
  return {.auc = auc_sum / defined, .average_precision = precision_sum / defined};
}

}  // namespace plait
