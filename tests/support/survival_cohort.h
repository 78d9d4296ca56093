// A survival cohort in memory: the two modalities of study_cohort(), and times that fall with the genes' first column;
// some are shared, patients i % 4 == 3 are censored.
#pragma once

#include <cmath>

#include "tests/support/study_cohort.h"

namespace plait::test {

inline Cohort survival_cohort(int patients) {
  Cohort cohort = study_cohort(patients);
  cohort.task = TaskKind::survival;
  cohort.target_names = {"time", "event"};
  cohort.classes.clear();
  cohort.targets.clear();
  for (int i = 0; i < patients; ++i) {
    const double risk = static_cast<double>(cohort.modalities[0].row(i)[0]);
    cohort.targets.push_back(std::ceil(20.0 * std::exp(-risk)));
    cohort.targets.push_back(i % 4 == 3 ? 0.0 : 1.0);
  }
  return cohort;
}

}  // namespace plait::test
