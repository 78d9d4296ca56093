// The study's cohort with images as well: "scan" (7 x 6 bytes), which every fourth patient lacks, and "slide" (4 x 5
// words, three channels), which every seventh does.
#pragma once

#include <string>
#include <vector>

#include "tests/support/study_cohort.h"

namespace plait::test {

inline Cohort image_cohort(int patients) {
  Cohort cohort = study_cohort(patients);
  const auto add = [&](const char* name, std::array<std::int64_t, 3> shape, int bits, int lacks_every) {
    std::vector<std::int64_t> row_of_patient;
    std::int64_t rows = 0;
    for (int i = 0; i < patients; ++i) row_of_patient.push_back(i % lacks_every == lacks_every - 1 ? -1 : rows++);
    const auto pixels = random_integers<std::uint16_t>(rows * shape[0] * shape[1] * shape[2],
                                                       static_cast<std::uint32_t>(bits), bits == 8 ? 256 : 65536);
    add_images(cohort, name, shape, bits, pixels, std::move(row_of_patient));
  };
  add("scan", {7, 6, 1}, 8, 4);
  add("slide", {4, 5, 3}, 16, 7);
  return cohort;
}

inline RunConfig image_config(const Cohort& cohort, std::vector<std::string> sets = {}) {
  sets.insert(sets.begin(), {"encoder.scan.channels=[3, 2]", "encoder.slide.channels=[4]"});
  return study_config(cohort, sets);
}

}  // namespace plait::test
