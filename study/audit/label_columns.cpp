// Can the target be read off a single column?
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "engine/metrics/ranking.h"
#include "study/audit/column_blocks.h"
#include "study/audit/leakage.h"

namespace plait {
namespace {

// Missing cells as one value below all others.
std::vector<double> with_missing_as_value(const std::vector<double>& values) {
  std::vector<double> known = values;
  for (double& v : known)
    if (std::isnan(v)) v = std::numeric_limits<double>::lowest();
  return known;
}

// Patients of equal value, in ascending order of value.
std::vector<std::vector<std::size_t>> tied(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return values[a] < values[b]; });
  std::vector<std::vector<std::size_t>> ties;
  for (const std::size_t i : order) {
    if (ties.empty() || values[ties.back()[0]] != values[i]) ties.emplace_back();
    ties.back().push_back(i);
  }
  return ties;
}

std::vector<std::int64_t> class_counts(const std::vector<std::size_t>& patients, const std::vector<std::size_t>& label,
                                       std::size_t classes) {
  std::vector<std::int64_t> counts(classes, 0);
  for (const std::size_t i : patients) ++counts[label[i]];
  return counts;
}

// Mean recall of the nearest others' class in this column.
double neighbour_recall(const std::vector<double>& values, const std::vector<std::size_t>& label, std::size_t classes) {
  const auto ties = tied(values);
  std::vector<std::vector<std::int64_t>> counts;
  for (const auto& tie : ties) counts.push_back(class_counts(tie, label, classes));
  std::vector<double> right(classes, 0.0), all(classes, 0.0);
  for (std::size_t t = 0; t < ties.size(); ++t)
    for (const std::size_t i : ties[t]) {
      std::vector<std::int64_t> near(classes, 0);
      const auto add = [&](std::size_t other) {
        for (std::size_t k = 0; k < classes; ++k) near[k] += counts[other][k];
      };
      if (ties[t].size() > 1) {
        add(t);
        --near[label[i]];
      } else {
        const double below = t > 0 ? values[i] - values[ties[t - 1][0]] : INFINITY;
        const double above = t + 1 < ties.size() ? values[ties[t + 1][0]] - values[i] : INFINITY;
        if (t > 0 && below <= above) add(t - 1);
        if (t + 1 < ties.size() && above <= below) add(t + 1);
      }
      all[label[i]] += 1.0;
      const auto largest = std::max_element(near.begin(), near.end()) - near.begin();
      right[label[i]] += static_cast<std::size_t>(largest) == label[i] ? 1.0 : 0.0;
    }
  double mean = 0.0;
  for (std::size_t k = 0; k < classes; ++k) mean += right[k] / all[k] / static_cast<double>(classes);
  return mean;
}

std::vector<double> midranks(const std::vector<double>& values) {
  std::vector<double> ranks(values.size());
  double before = 0.0;
  for (const auto& tie : tied(values)) {
    for (const std::size_t i : tie) ranks[i] = before + (static_cast<double>(tie.size()) + 1.0) / 2.0;
    before += static_cast<double>(tie.size());
  }
  return ranks;
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0.0, aa = 0.0, bb = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa > 0.0 && bb > 0.0 ? ab / std::sqrt(aa * bb) : 0.0;
}

// The class of each patient in a target column; empty where classes are too small to tell.
std::vector<std::size_t> labels_of(const Cohort& cohort, const std::vector<std::int64_t>& patients, std::int64_t target,
                                   std::size_t classes) {
  std::vector<std::size_t> label;
  std::vector<std::int64_t> counts(classes, 0);
  for (const std::int64_t patient : patients) {
    label.push_back(static_cast<std::size_t>(cohort.target(patient, target)));
    ++counts[label.back()];
  }
  if (*std::min_element(counts.begin(), counts.end()) < kEnoughOfClass) return {};
  return label;
}

// "AUC 0.997" and the like; nothing where the column does not tell enough.
std::optional<std::string> tells_class(const std::vector<double>& values, const std::vector<std::size_t>& label,
                                       std::size_t classes) {
  const std::vector<double> known = with_missing_as_value(values);
  if (classes == 2) {
    const std::vector<double> positive(label.begin(), label.end());
    const double area = auc(known, positive).value_or(0.5);
    if (std::max(area, 1.0 - area) >= kTellingAuc) return fmt::format("AUC {:.3f}", std::max(area, 1.0 - area));
  }
  const double recall = neighbour_recall(known, label, classes);
  if (recall >= kTellingRecall) return fmt::format("mean recall {:.3f}", recall);
  return std::nullopt;
}

std::optional<std::string> tells_number(const std::vector<double>& values, const std::vector<double>& target) {
  if (std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); })) return std::nullopt;
  const double rank_correlation = correlation(midranks(values), midranks(target));
  if (std::fabs(rank_correlation) < kTellingCorrelation) return std::nullopt;
  return fmt::format("rank correlation {:.4f}", rank_correlation);
}

}  // namespace

std::vector<LeakageFinding> find_label_columns(const Cohort& cohort) {
  std::vector<LeakageFinding> findings;
  const bool regression = cohort.task == TaskKind::regression, multilabel = cohort.task == TaskKind::multilabel;
  if (!regression && !multilabel && cohort.classes.empty()) return findings;  // neither classes nor numbers
  const std::size_t classes = multilabel ? 2 : cohort.classes.size();
  for (std::size_t m = 0; m < cohort.modalities.size(); ++m) {
    const ModalityData& modality = cohort.modalities[m];
    const std::vector<std::int64_t> patients = audited_patients(cohort, m, kMostAudited);
    if (modality.kind == ModalityKind::image || std::ssize(patients) < kEnoughPatients) continue;
    for (std::int64_t target = 0; target < cohort.target_columns(); ++target) {
      std::vector<double> numbers;
      for (const std::int64_t patient : patients) numbers.push_back(cohort.target(patient, target));
      const std::vector<std::size_t> label =
          regression ? std::vector<std::size_t>{} : labels_of(cohort, patients, target, classes);
      if (!regression && label.empty()) continue;
      for_each_column(modality, patients, [&](std::size_t column, const std::vector<double>& values) {
        if (modality.kind == ModalityKind::expression &&
            (regression || tied(with_missing_as_value(values)).size() > classes))
          return;
        if (const auto how = regression ? tells_number(values, numbers) : tells_class(values, label, classes))
          findings.push_back(
              {"label column", fmt::format("column \"{}\" of {} tells the target almost alone ({}, {} patients)",
                                           modality.columns[column].name, modality.file, *how, patients.size())});
      });
    }
  }
  return findings;
}

}  // namespace plait
