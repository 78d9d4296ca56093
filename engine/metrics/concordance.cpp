#include "engine/metrics/concordance.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "engine/error.h"

namespace plait {

namespace {

// Counts by rank with prefix sums, both in O(log ranks). Source: Fenwick, Software: Practice and Experience 24 (1994).
class RankCounts {
 public:
  explicit RankCounts(std::size_t ranks) : tree_(ranks + 1, 0) {}

  void add(std::size_t rank, std::uint64_t count) {
    for (std::size_t node = rank + 1; node < tree_.size(); node += node & (~node + 1)) tree_[node] += count;
    all_ += count;
  }

  std::uint64_t below(std::size_t rank) const {
    std::uint64_t sum = 0;
    for (std::size_t node = rank; node > 0; node -= node & (~node + 1)) sum += tree_[node];
    return sum;
  }

  std::uint64_t all() const { return all_; }

 private:
  std::vector<std::uint64_t> tree_;
  std::uint64_t all_ = 0;
};

void check_finite(std::span<const double> values, const char* what) {
  for (const double value : values)
    if (!std::isfinite(value))
      throw Error(ExitCode::numeric, std::string("[concordance] ") + what + ": not a finite number");
}

}  // namespace

std::optional<double> ConcordantPairs::index() const {
  const std::uint64_t all = concordant + discordant + tied_risk;
  if (all == 0) return std::nullopt;
  return (static_cast<double>(concordant) + 0.5 * static_cast<double>(tied_risk)) / static_cast<double>(all);
}

ConcordanceRanking::ConcordanceRanking(std::span<const double> time, std::span<const double> event,
                                       std::span<const double> risk) {
  const std::size_t n = time.size();
  check(event.size() == n && risk.size() == n, "[concordance] time, event, risk: not as many of each");
  check_finite(time, "time");
  check_finite(risk, "risk");
  for (const double e : event) check(e == 0.0 || e == 1.0, "[concordance] event: neither 0 nor 1");

  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return risk[a] < risk[b]; });
  std::vector<std::uint32_t> rank(n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0 && risk[order[i]] > risk[order[i - 1]]) ++ranks_;
    rank[order[i]] = ranks_;
  }
  ++ranks_;

  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return time[a] > time[b]; });
  for (std::size_t i = 0; i < n; ++i)
    order_.push_back({.patient = static_cast<std::uint32_t>(order[i]),
                      .rank = rank[order[i]],
                      .event = event[order[i]] == 1.0,
                      .starts_time = i == 0 || time[order[i]] < time[order[i - 1]]});
}

ConcordantPairs ConcordanceRanking::pairs(Multiplicity times) const {
  check(times.fits(patients()), "[concordance] counts: not one a patient");
  ConcordantPairs pairs;
  RankCounts later(ranks_);  // observed longer than the time that is looked at, or as long and censored
  for (std::size_t begin = 0, end = 0; begin < order_.size(); begin = end) {
    std::uint64_t censored = 0;
    do {
      const Item& item = order_[end];
      if (item.event) continue;
      later.add(item.rank, times[item.patient]);
      censored += times[item.patient];
    } while (++end < order_.size() && !order_[end].starts_time);

    for (std::size_t i = begin; i < end; ++i) {
      if (!order_[i].event) continue;
      const std::uint64_t count = times[order_[i].patient];
      const std::uint64_t lower = later.below(order_[i].rank), equal = later.below(order_[i].rank + 1) - lower;
      pairs.concordant += count * lower;
      pairs.tied_risk += count * equal;
      pairs.discordant += count * (later.all() - lower - equal);
      pairs.tied_time += count * censored;
    }
    for (std::size_t i = begin; i < end; ++i)
      if (order_[i].event) later.add(order_[i].rank, times[order_[i].patient]);
  }
  return pairs;
}

std::optional<double> concordance_index(std::span<const double> time, std::span<const double> event,
                                        std::span<const double> risk, Multiplicity times) {
  return ConcordanceRanking(time, event, risk).pairs(times).index();
}

}  // namespace plait
