#include "io/data/strata.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "kernels/math/philox.h"

namespace plait {
namespace {

constexpr double kRounding = 1e-9;  // shares such as 0.2 are not exact; counts are far below 1e9 of this

// What a part still wants of a stratum: shares * size - placed.
class Wanted {
 public:
  Wanted(std::size_t strata, std::size_t parts) : parts_(parts), values_(strata * parts, 0.0) {}
  double& at(std::size_t stratum, std::size_t part) { return values_[stratum * parts_ + part]; }

 private:
  std::size_t parts_;
  std::vector<double> values_;
};

std::uint64_t random_key(const StratifiedPatient& patient, const SharePlan& plan) {
  const Philox4 draw = random_block(plan.seed, 0, static_cast<std::uint32_t>(patient.patient), plan.stage,
                                    random_site(Purpose::split, 0));
  return std::uint64_t{draw.word[0]} << 32 | draw.word[1];
}

// How many of `count` single patients each part gets. `owed` carries what rounding took from each part.
std::vector<std::size_t> places(std::size_t count, std::span<const double> wanted, std::vector<double>& owed,
                                bool first_needs_one) {
  const std::size_t parts = wanted.size();
  std::vector<double> exact(parts);
  double sum = 0.0;
  for (const double w : wanted) sum += std::max(w, 0.0);
  std::vector<std::size_t> result(parts, 0);
  std::vector<bool> rounds_up(parts, false);
  std::size_t placed = 0;
  for (std::size_t p = 0; p < parts; ++p) {
    exact[p] = sum > 0.0 ? std::max(wanted[p], 0.0) * static_cast<double>(count) / sum : 0.0;
    result[p] = static_cast<std::size_t>(std::floor(exact[p] + kRounding));
    rounds_up[p] = exact[p] - static_cast<double>(result[p]) > kRounding;
    owed[p] += exact[p] - static_cast<double>(result[p]);
    placed += result[p];
  }
  for (; placed < count; ++placed) {
    std::size_t best = parts;
    for (std::size_t p = 0; p < parts; ++p) {
      if (rounds_up[p] && (best == parts || owed[p] > owed[best] + kRounding)) best = p;
    }
    if (best == parts) best = 0;
    rounds_up[best] = false;
    ++result[best];
    owed[best] -= 1.0;
  }
  if (first_needs_one && count > 0 && result[0] == 0) {
    const auto largest = static_cast<std::size_t>(std::max_element(result.begin(), result.end()) - result.begin());
    --result[largest], ++result[0];
    owed[largest] += 1.0, owed[0] -= 1.0;
  }
  return result;
}

}  // namespace

std::vector<int> share_out(std::span<const StratifiedPatient> patients, const SharePlan& plan) {
  const std::size_t parts = plan.shares.size();
  std::size_t strata = 0;
  for (const StratifiedPatient& p : patients) strata = std::max(strata, static_cast<std::size_t>(p.stratum) + 1);
  Wanted wanted(strata, parts);
  for (const StratifiedPatient& p : patients) {
    for (std::size_t part = 0; part < parts; ++part)
      wanted.at(static_cast<std::size_t>(p.stratum), part) += plan.shares[part];
  }

  // Members by random key, so that the first one is a random draw for the whole group.
  std::vector<std::pair<std::uint64_t, std::size_t>> keyed;
  for (std::size_t i = 0; i < patients.size(); ++i) keyed.emplace_back(random_key(patients[i], plan), i);
  std::sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : patients[a.second].patient < patients[b.second].patient;
  });
  std::map<std::int32_t, std::vector<std::size_t>> members;
  for (const auto& [key, i] : keyed) members[patients[i].group].push_back(i);

  std::vector<int> part_of(patients.size(), 0);
  std::vector<std::vector<std::size_t>> singles(strata);
  for (const auto& [key, i] : keyed) {
    if (members[patients[i].group].size() == 1) singles[static_cast<std::size_t>(patients[i].stratum)].push_back(i);
  }
  std::vector<const std::vector<std::size_t>*> groups;
  for (const auto& [key, i] : keyed) {
    const std::vector<std::size_t>& group = members[patients[i].group];
    if (group.size() > 1 && group.front() == i) groups.push_back(&group);
  }
  std::stable_sort(groups.begin(), groups.end(), [](const auto* a, const auto* b) { return a->size() > b->size(); });

  for (const std::vector<std::size_t>* group : groups) {
    std::vector<double> lack(parts, 0.0);
    for (const std::size_t i : *group) {
      for (std::size_t p = 0; p < parts; ++p) lack[p] += wanted.at(static_cast<std::size_t>(patients[i].stratum), p);
    }
    std::size_t best = 0;
    for (std::size_t p = 1; p < parts; ++p) {
      if (lack[p] > lack[best] + kRounding) best = p;
    }
    for (const std::size_t i : *group) {
      part_of[i] = static_cast<int>(best);
      wanted.at(static_cast<std::size_t>(patients[i].stratum), best) -= 1.0;
    }
  }

  std::vector<double> owed(parts, 0.0);
  for (std::size_t s = 0; s < strata; ++s) {
    const std::span<const double> lack(&wanted.at(s, 0), parts);
    const std::vector<std::size_t> count = places(singles[s].size(), lack, owed, plan.first_part_has_all);
    std::size_t next = 0;
    for (std::size_t p = 0; p < parts; ++p) {
      for (std::size_t k = 0; k < count[p]; ++k) part_of[singles[s][next++]] = static_cast<int>(p);
    }
  }
  return part_of;
}

}  // namespace plait
