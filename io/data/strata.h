// Sharing patients out over parts: each stratum in the wanted proportions, each group in one piece.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace plait {

struct StratifiedPatient {
  std::int64_t patient = 0;  // row of the labels file: keys the random draws, whatever the order of the list
  std::int32_t stratum = 0;  // 0 .. strata-1
  std::int32_t group = 0;
};

struct SharePlan {
  std::vector<double> shares;  // of each part; they sum to 1
  std::uint64_t seed = 1;
  std::uint32_t stage = 0;  // tells draws under one seed apart
  // A stratum of single patients that rounding would keep out of part 0 gets one place there, and so does the last
  // group of a stratum that part 0 would otherwise have nothing of, unless it is larger than twice what part 0 still
  // wants.
  bool first_part_has_all = false;
};

// The part of each patient. Groups of several patients are placed first, the largest first, each where it keeps the
// grouped patients of its strata closest to the shares; of equally large groups the draw decides which comes first. A
// group that a part has no room for goes to a larger one. Single patients then fill up: a part gets its wanted number
// of each stratum rounded down or up, and the ups go to the parts that rounding has treated worst so far, so that
// totals are right too.
std::vector<int> share_out(std::span<const StratifiedPatient> patients, const SharePlan& plan);

}  // namespace plait
