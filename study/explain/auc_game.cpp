#include "study/explain/auc_game.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "engine/metrics/ranking.h"
#include "kernels/cpu/parallel.h"
#include "study/explain/shapley.h"
#include "study/resample.h"

namespace plait {
namespace {

constexpr int resamples = 1000;

// [auc, shapley of M, ablation of M, differences]; NaN throughout where some AUC is not defined.
std::vector<double> play(const std::vector<std::unique_ptr<ColumnRankings>>& sets, std::size_t modalities,
                         Multiplicity times) {
  std::vector<double> worth, phi(modalities), numbers;
  for (const auto& ranking : sets) worth.push_back(ranking->macro(times).auc.value_or(NAN));
  shapley_values(static_cast<int>(modalities), worth, phi);
  numbers.push_back(worth.back());
  numbers.insert(numbers.end(), phi.begin(), phi.end());
  for (std::size_t m = 0; m < modalities; ++m)
    numbers.push_back(worth.back() - worth[(worth.size() - 1) ^ (std::size_t{1} << m)]);
  for (std::size_t a = 0; a < modalities; ++a)
    for (std::size_t b = a + 1; b < modalities; ++b) numbers.push_back(phi[a] - phi[b]);
  return numbers;
}

MeanInterval interval_of(double value, std::vector<double> drawn) {
  MeanInterval interval;
  if (std::isnan(value)) return interval;
  interval.value = value;
  std::erase_if(drawn, [](double number) { return std::isnan(number); });
  if (2 * drawn.size() < resamples) return interval;
  std::sort(drawn.begin(), drawn.end());
  interval.lo = sorted_quantile(drawn, 0.025);
  interval.hi = sorted_quantile(drawn, 0.975);
  return interval;
}

double label_of(const Dataset& dataset, std::int64_t patient, std::size_t k) {
  if (dataset.task() == TaskKind::multiclass)
    return dataset.class_index(patient) == static_cast<std::int32_t>(k) ? 1.0 : 0.0;
  return dataset.raw_target(patient, static_cast<std::int64_t>(k)) > 0.5 ? 1.0 : 0.0;
}

}  // namespace

AucImportance auc_importance(const PatientExplanations& all, const Dataset& dataset, std::uint64_t seed) {
  AucImportance out;
  const std::size_t modalities = all.modalities, pairs = modalities * (modalities - 1) / 2;
  out.shapley.resize(modalities);
  out.ablation.resize(modalities);
  out.differences.resize(pairs);
  if (dataset.task() == TaskKind::regression || dataset.task() == TaskKind::survival) return out;

  std::vector<std::size_t> labelled, group;
  std::vector<double> labels;
  for (std::size_t i = 0; i < all.count(); ++i) {
    if (!dataset.labelled(all.patients[i])) continue;
    labelled.push_back(i);
    for (std::size_t k = 0; k < all.outputs; ++k) labels.push_back(label_of(dataset, all.patients[i], k));
    if (dataset.cohort().has_groups)
      group.push_back(static_cast<std::size_t>(dataset.cohort().group[static_cast<std::size_t>(all.patients[i])]));
  }
  if (labelled.empty()) return out;
  std::vector<std::unique_ptr<ColumnRankings>> sets;
  for (std::size_t set = 0; set < std::size_t{1} << modalities; ++set) {
    std::vector<double> scores;
    for (const std::size_t i : labelled)
      for (const float value : all.of_set(i, set)) scores.push_back(static_cast<double>(value));
    sets.push_back(std::make_unique<ColumnRankings>(scores, labels, all.outputs));
  }
  const std::vector<double> whole = play(sets, modalities, {});
  const SamplingUnits units = sampling_units(labelled.size(), group);
  std::vector<std::vector<double>> drawn(resamples);
  cpu::parallel_for(resamples, 4, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const auto times = draw_resample(units, seed, static_cast<std::uint32_t>(r));
      drawn[static_cast<std::size_t>(r)] = play(sets, modalities, Multiplicity(times));
    }
  });
  const auto interval = [&](std::size_t number) {
    std::vector<double> values;
    for (const auto& resample : drawn) values.push_back(resample[number]);
    return interval_of(whole[number], std::move(values));
  };
  out.auc = interval(0);
  for (std::size_t m = 0; m < modalities; ++m) {
    out.shapley[m] = interval(1 + m);
    out.ablation[m] = interval(1 + modalities + m);
  }
  for (std::size_t pair = 0; pair < pairs; ++pair) out.differences[pair] = interval(1 + 2 * modalities + pair);
  return out;
}

}  // namespace plait
