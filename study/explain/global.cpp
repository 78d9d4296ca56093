#include "study/explain/global.h"

#include <algorithm>
#include <cmath>

namespace plait {
namespace {

// One column a mean, NaN where the patient does not count.
class Columns {
 public:
  explicit Columns(std::size_t patients) : patients_(patients) {}

  template <class Value>
  std::size_t add(const Value& value) {
    for (std::size_t i = 0; i < patients_; ++i) values_.push_back(value(i));
    return count_++;
  }

  std::vector<MeanInterval> intervals(const BootstrapOptions& options) const {
    std::vector<double> rows(values_.size());
    for (std::size_t c = 0; c < count_; ++c)
      for (std::size_t i = 0; i < patients_; ++i) rows[i * count_ + c] = values_[c * patients_ + i];
    return mean_intervals(rows, count_, options);
  }

 private:
  std::size_t patients_, count_ = 0;
  std::vector<double> values_;  // [count, patients]
};

void count_agreement(const PatientExplanations& all, GlobalExplanation& out) {
  out.agreement = {{.first = "shapley", .second = "ablation"}};
  if (!all.weights.empty()) {
    out.agreement.push_back({.first = "shapley", .second = "attention"});
    out.agreement.push_back({.first = "ablation", .second = "attention"});
  }
  for (std::size_t i = 0; i < all.count(); ++i) {
    const ModalityMask mask = all.available[i];
    if (all.abstains[i] != 0 || count_modalities(mask) < 2) continue;
    ++out.compared;
    out.disagree += all.disagrees[i];
    const Rankings ranks = rankings(all, i);
    const auto measure = [&](const std::string& name) -> const std::vector<double>& {
      return name == "shapley" ? ranks.shapley : name == "ablation" ? ranks.ablation : ranks.attention;
    };
    for (Agreement& pair : out.agreement) {
      if (!orders_differ(measure(pair.first), measure(pair.second), mask)) ++pair.same_order;
      if (!firsts_differ(measure(pair.first), measure(pair.second), mask)) ++pair.same_first;
    }
  }
}

}  // namespace

GlobalExplanation summarise(const PatientExplanations& all, const Dataset& dataset, std::uint64_t seed) {
  const Cohort& cohort = dataset.cohort();
  GlobalExplanation out;
  out.patients = static_cast<std::int64_t>(all.count());
  for (const double loss : all.loss) out.labelled += std::isnan(loss) ? 0 : 1;
  out.abstained = std::count(all.abstains.begin(), all.abstains.end(), 1);

  Columns columns(all.count());
  const auto known = [&](std::size_t i, double value) { return all.abstains[i] != 0 ? NAN : value; };
  columns.add([&](std::size_t i) { return all.loss[i]; });
  columns.add([&](std::size_t i) { return all.prior_loss[i]; });
  for (std::size_t m = 0; m < all.modalities; ++m) {
    columns.add([&](std::size_t i) { return all.of_patient(all.loss_shapley, i)[m]; });
    columns.add([&](std::size_t i) { return all.of_patient(all.loss_ablation, i)[m]; });
    columns.add(
        [&](std::size_t i) { return all.weights.empty() ? NAN : known(i, static_cast<double>(all.weights_of(i)[m])); });
    columns.add([&](std::size_t i) { return known(i, std::fabs(all.of_output(all.shapley, i, all.explained[i])[m])); });
    columns.add(
        [&](std::size_t i) { return known(i, std::fabs(all.of_output(all.ablation, i, all.explained[i])[m])); });
  }
  for (std::size_t a = 0; a < all.modalities; ++a)
    for (std::size_t b = a + 1; b < all.modalities; ++b)
      columns.add([&](std::size_t i) {
        const auto phi = all.of_patient(all.loss_shapley, i);
        return phi[a] - phi[b];
      });

  std::vector<std::size_t> group;
  if (cohort.has_groups)
    for (const std::int64_t patient : all.patients)
      group.push_back(static_cast<std::size_t>(cohort.group[static_cast<std::size_t>(patient)]));
  const std::vector<MeanInterval> means =
      columns.intervals({.resamples = 1000, .seed = seed, .level = 0.95, .group = group});

  auto next = means.begin();
  out.loss = *next++;
  out.prior_loss = *next++;
  for (std::size_t m = 0; m < all.modalities; ++m) {
    ModalityImportance importance;
    for (const ModalityMask mask : all.available)
      importance.patients += has_modality(mask, static_cast<int>(m)) ? 1 : 0;
    importance.shapley = *next++;
    importance.ablation = *next++;
    importance.attention = *next++;
    importance.size_of_shapley = *next++;
    importance.size_of_ablation = *next++;
    out.modalities.push_back(importance);
  }
  for (std::size_t a = 0; a < all.modalities; ++a)
    for (std::size_t b = a + 1; b < all.modalities; ++b) out.differences.push_back({a, b, *next++});
  out.auc = auc_importance(all, dataset, seed);
  count_agreement(all, out);
  return out;
}

}  // namespace plait
