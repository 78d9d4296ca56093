#include "io/data/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/error.h"
#include "io/data/strata.h"

namespace plait {
namespace {

constexpr std::int64_t kBins = 10;  // strata of a regression target

// Strata of equal counts along the sorted target.
void bin_by_target(const Cohort& cohort, std::vector<StratifiedPatient>& patients) {
  const auto n = static_cast<std::int64_t>(patients.size());
  const std::int64_t bins = std::clamp<std::int64_t>(n / kBins, 1, kBins);
  std::vector<std::size_t> order(patients.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return cohort.target(patients[a].patient) < cohort.target(patients[b].patient);
  });
  for (std::int64_t rank = 0; rank < n; ++rank) {
    patients[order[static_cast<std::size_t>(rank)]].stratum = static_cast<std::int32_t>(rank * bins / n);
  }
}

// One stratum a combination of labels; combinations with fewer than `least` patients share stratum 0.
void bin_by_labels(const Cohort& cohort, std::vector<StratifiedPatient>& patients, std::int64_t least) {
  std::map<std::vector<bool>, std::vector<std::size_t>> combinations;
  for (std::size_t i = 0; i < patients.size(); ++i) {
    std::vector<bool> labels;
    for (std::int64_t k = 0; k < cohort.target_columns(); ++k) {
      labels.push_back(cohort.target(patients[i].patient, k) == 1.0);
    }
    combinations[labels].push_back(i);
  }
  std::int32_t next = 1;
  for (const auto& [labels, members] : combinations) {
    const bool rare = static_cast<std::int64_t>(members.size()) < least;
    const std::int32_t stratum = rare ? 0 : next++;
    for (const std::size_t i : members) patients[i].stratum = stratum;
  }
}

std::vector<StratifiedPatient> stratify(const Cohort& cohort, std::span<const std::int64_t> list, std::int64_t least) {
  std::vector<StratifiedPatient> patients;
  for (const std::int64_t patient : list) {
    patients.push_back({patient, 0, cohort.group[static_cast<std::size_t>(patient)]});
  }
  if (cohort.task == TaskKind::regression) {
    bin_by_target(cohort, patients);
  } else if (cohort.task == TaskKind::multilabel) {
    bin_by_labels(cohort, patients, least);
  } else if (cohort.task == TaskKind::survival) {
    for (StratifiedPatient& p : patients) p.stratum = static_cast<std::int32_t>(cohort.target(p.patient, 1));
  } else {
    for (StratifiedPatient& p : patients) p.stratum = static_cast<std::int32_t>(cohort.target(p.patient));
  }
  return patients;
}

// (kept, taken): `share` of the list is taken away.
std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>> take_share(const Cohort& cohort,
                                                                           std::span<const std::int64_t> list,
                                                                           double share, std::uint64_t seed,
                                                                           std::uint32_t stage) {
  std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>> result;
  if (share == 0.0) {
    result.first.assign(list.begin(), list.end());
    return result;
  }
  const auto least = static_cast<std::int64_t>(1.0 / std::min(share, 1.0 - share)) + 1;
  const std::vector<int> part =
      share_out(stratify(cohort, list, least),
                {.shares = {1.0 - share, share}, .seed = seed, .stage = stage, .first_part_has_all = true});
  for (std::size_t i = 0; i < list.size(); ++i) (part[i] == 0 ? result.first : result.second).push_back(list[i]);
  return result;
}

void check_share(const char* name, double share) {
  if (share >= 0.0 && share < 1.0) return;
  fail_usage(fmt::format("[train] {} = {}: a share is at least 0 and less than 1", name, share));
}

void check_training(const Cohort& cohort, const Split& split) {
  const std::string labels = (cohort.folder / cohort.labels_file).string();
  if (split.train.empty()) fail_data({labels}, "no patient is left to train on: lower train.test or train.validation");
  std::vector<bool> seen(cohort.classes.size(), false);
  for (const std::int64_t patient : split.train) {
    if (!seen.empty()) seen[static_cast<std::size_t>(cohort.target(patient))] = true;
  }
  for (std::size_t k = 0; k < seen.size(); ++k) {
    if (seen[k]) continue;
    fail_data({labels},
              fmt::format("class {} of {} (in sorted order, which `plait check` prints) has no patient in the training "
                          "part: it is too small, or its group went elsewhere (another seed, or smaller train.test and "
                          "train.validation, may help)",
                          k + 1, seen.size()));
  }
}

}  // namespace

Split make_split(const Cohort& cohort, double test, double validation, std::uint64_t seed) {
  check_share("test", test);
  check_share("validation", validation);
  Split split;
  std::vector<std::int64_t> rest;
  std::tie(rest, split.test) = take_share(cohort, labelled_patients(cohort), test, seed, 0);
  std::tie(split.train, split.validation) = take_share(cohort, rest, validation, seed, 1);
  check_training(cohort, split);
  return split;
}

std::vector<std::vector<std::int64_t>> make_folds(const Cohort& cohort, std::span<const std::int64_t> patients,
                                                  std::int64_t folds, std::uint64_t seed, std::uint32_t repeat) {
  if (folds < 2) fail_usage("cross-validation needs at least 2 folds");
  std::vector<std::int64_t> list;
  for (const std::int64_t patient : patients) {
    if (cohort.labelled(patient)) list.push_back(patient);
  }
  std::sort(list.begin(), list.end());
  const auto count = static_cast<std::size_t>(folds);
  // Stages 0 and 1 are make_split's.
  const std::vector<int> part = share_out(
      stratify(cohort, list, folds),
      {.shares = std::vector<double>(count, 1.0 / static_cast<double>(folds)), .seed = seed, .stage = 2 + repeat});
  std::vector<std::vector<std::int64_t>> result(count);
  for (std::size_t i = 0; i < list.size(); ++i) result[static_cast<std::size_t>(part[i])].push_back(list[i]);
  return result;
}

}  // namespace plait
