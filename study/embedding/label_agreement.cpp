#include "study/embedding/label_agreement.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "engine/error.h"
#include "study/embedding/dense_labels.h"

namespace plait {

namespace {

// Points of each pair of labels; pairs that do not occur are not there.
struct Contingency {
  DenseLabels first, second;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> cells;
  double points = 0.0;
};

Contingency contingency(std::span<const std::size_t> first, std::span<const std::size_t> second) {
  check(first.size() == second.size(), "[label_agreement] labels: not as many of each");
  Contingency table{dense_labels(first), dense_labels(second), {}, static_cast<double>(first.size())};
  for (std::size_t i = 0; i < first.size(); ++i) ++table.cells[{table.first.of_point[i], table.second.of_point[i]}];
  return table;
}

double pairs(std::size_t n) {
  return static_cast<double>(n) * (static_cast<double>(n) - 1.0) / 2.0;
}

double pairs_within(const DenseLabels& labels) {
  double sum = 0.0;
  for (const std::size_t size : labels.size) sum += pairs(size);
  return sum;
}

double entropy(const DenseLabels& labels, double points) {
  double sum = 0.0;
  for (const std::size_t size : labels.size) {
    const double share = static_cast<double>(size) / points;
    sum -= share * std::log(share);
  }
  return sum;
}

}  // namespace

double adjusted_rand_index(std::span<const std::size_t> first, std::span<const std::size_t> second) {
  const Contingency table = contingency(first, second);
  double together = 0.0;
  for (const auto& [labels, count] : table.cells) together += pairs(count);
  const double in_first = pairs_within(table.first), in_second = pairs_within(table.second);
  const double all = pairs(first.size());
  // Equal partitions, those of one part or of single points among them: there the quotient would be 0 / 0.
  if (together == in_first && together == in_second) return 1.0;
  const double by_chance = in_first * in_second / all;
  return (together - by_chance) / ((in_first + in_second) / 2.0 - by_chance);
}

double normalised_mutual_information(std::span<const std::size_t> first, std::span<const std::size_t> second) {
  const Contingency table = contingency(first, second);
  if (table.first.size.size() <= 1 && table.second.size.size() <= 1) return 1.0;
  double information = 0.0;
  for (const auto& [labels, count] : table.cells) {
    const auto here = static_cast<double>(count);
    const auto independent = static_cast<double>(table.first.size[labels.first]) *
                             static_cast<double>(table.second.size[labels.second]) / table.points;
    information += here / table.points * std::log(here / independent);
  }
  const double mean = (entropy(table.first, table.points) + entropy(table.second, table.points)) / 2.0;
  return std::clamp(information / mean, 0.0, 1.0);
}

}  // namespace plait
