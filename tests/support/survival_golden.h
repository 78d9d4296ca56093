// The follow-ups of golden/survival.json.
#pragma once

#include <vector>

#include "study/survival/follow_up.h"
#include "tests/support/golden.h"

namespace plait::test {

struct SurvivalGolden {
  nlohmann::json expected;  // the whole case
  std::vector<double> time, event, risk;
  std::vector<std::size_t> group;

  FollowUp follow_up() const { return {time, event}; }
};

inline std::vector<SurvivalGolden> survival_goldens() {
  std::vector<SurvivalGolden> goldens;
  const auto golden = read_golden("survival.json");
  for (const auto& c : golden.at("cases"))
    goldens.push_back({c, c.at("time"), c.at("event"), c.at("risk"), c.at("group")});
  return goldens;
}

}  // namespace plait::test
