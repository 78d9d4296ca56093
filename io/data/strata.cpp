#include "io/data/strata.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "kernels/math/philox.h"

namespace plait {
namespace {

constexpr double kRounding = 1e-9;  // shares such as 0.2 are not exact; counts are far below 1e9 of this

// Patients by stratum and part.
class Counts {
 public:
  Counts(std::size_t strata, std::size_t parts) : parts_(parts), values_(strata * parts, 0.0) {}
  double& at(std::size_t stratum, std::size_t part) { return values_[stratum * parts_ + part]; }

 private:
  std::size_t parts_;
  std::vector<double> values_;
};

using Members = std::vector<std::size_t>;  // places in the list of patients

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

// Places whole groups, one after the other.
class GroupPlacement {
 public:
  GroupPlacement(std::span<const StratifiedPatient> patients, const SharePlan& plan, const std::vector<double>& sizes)
      : patients_(patients), plan_(plan), sizes_(sizes), left_(sizes), placed_(sizes.size(), plan.shares.size()) {}

  std::size_t place(const Members& group) {
    std::map<std::size_t, double> count;  // of the group, by stratum
    for (const std::size_t i : group) count[static_cast<std::size_t>(patients_[i].stratum)] += 1.0;
    for (const auto& [stratum, members] : count) left_[stratum] -= members;
    const auto size = static_cast<double>(group.size());
    const std::size_t part = is_last_chance(count, size) ? 0 : cheapest(count);
    for (const auto& [stratum, members] : count) placed_.at(stratum, part) += members;
    if (part == 0) first_total_ += size;
    return part;
  }

  // What the part still wants of a stratum; negative where a large group gave it more.
  double lack(std::size_t stratum, std::size_t part) {
    return plan_.shares[part] * sizes_[stratum] - placed_.at(stratum, part);
  }

 private:
  // With the wanted counts w = share * size of a stratum, the sum of (placed - w)^2 / share over strata and parts grows
  // by 2 cost - (a constant) when the group goes to a part: the smallest cost keeps all parts in proportion, small ones
  // too, from the first group to the last.
  std::size_t cheapest(const std::map<std::size_t, double>& count) {
    std::size_t best = 0;
    double least = 0.0;
    for (std::size_t part = 0; part < plan_.shares.size(); ++part) {
      double cost = 0.0;
      for (const auto& [stratum, members] : count) cost += members * (placed_.at(stratum, part) + members / 2.0);
      cost /= plan_.shares[part];
      if (part == 0 || cost < least - kRounding) best = part, least = cost;
    }
    return best;
  }

  // A stratum that part 0 has nothing of yet and that ends with this group, which is not too large for part 0.
  bool is_last_chance(const std::map<std::size_t, double>& count, double size) {
    if (!plan_.first_part_has_all) return false;
    if (plan_.shares[0] * static_cast<double>(patients_.size()) - first_total_ < size / 2.0) return false;
    return std::any_of(count.begin(), count.end(), [&](const auto& entry) {
      return left_[entry.first] == 0.0 && placed_.at(entry.first, 0) == 0.0;
    });
  }

  std::span<const StratifiedPatient> patients_;
  const SharePlan& plan_;
  const std::vector<double>& sizes_;  // of the strata
  std::vector<double> left_;          // of each stratum: single patients, and groups not yet placed
  Counts placed_;
  double first_total_ = 0.0;  // placed in part 0
};

}  // namespace

std::vector<int> share_out(std::span<const StratifiedPatient> patients, const SharePlan& plan) {
  const std::size_t parts = plan.shares.size();
  std::size_t strata = 0;
  for (const StratifiedPatient& p : patients) strata = std::max(strata, static_cast<std::size_t>(p.stratum) + 1);
  std::vector<double> sizes(strata, 0.0);
  for (const StratifiedPatient& p : patients) sizes[static_cast<std::size_t>(p.stratum)] += 1.0;

  // Members by random key, so that the first one is a random draw for the whole group.
  std::vector<std::pair<std::uint64_t, std::size_t>> keyed;
  for (std::size_t i = 0; i < patients.size(); ++i) keyed.emplace_back(random_key(patients[i], plan), i);
  std::sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : patients[a.second].patient < patients[b.second].patient;
  });
  std::map<std::int32_t, Members> members;
  for (const auto& [key, i] : keyed) members[patients[i].group].push_back(i);

  std::vector<int> part_of(patients.size(), 0);
  std::vector<Members> singles(strata);
  for (const auto& [key, i] : keyed) {
    if (members[patients[i].group].size() == 1) singles[static_cast<std::size_t>(patients[i].stratum)].push_back(i);
  }
  std::vector<const Members*> groups;
  for (const auto& [key, i] : keyed) {
    const Members& group = members[patients[i].group];
    if (group.size() > 1 && group.front() == i) groups.push_back(&group);
  }
  std::stable_sort(groups.begin(), groups.end(), [](const auto* a, const auto* b) { return a->size() > b->size(); });

  GroupPlacement placement(patients, plan, sizes);
  for (const Members* group : groups) {
    const auto part = static_cast<int>(placement.place(*group));
    for (const std::size_t i : *group) part_of[i] = part;
  }

  std::vector<double> owed(parts, 0.0);
  for (std::size_t s = 0; s < strata; ++s) {
    std::vector<double> lack(parts);
    for (std::size_t p = 0; p < parts; ++p) lack[p] = placement.lack(s, p);
    const std::vector<std::size_t> count = places(singles[s].size(), lack, owed, plan.first_part_has_all);
    std::size_t next = 0;
    for (std::size_t p = 0; p < parts; ++p) {
      for (std::size_t k = 0; k < count[p]; ++k) part_of[singles[s][next++]] = static_cast<int>(p);
    }
  }
  return part_of;
}

}  // namespace plait
