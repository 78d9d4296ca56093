// A binary cohort in memory with two expression modalities, "genes" (six columns, some cells missing, the first two
// tell of the label) and "proteins" (four), and the configuration of a small model for it.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "study/training.h"
#include "tests/support/memory_cohort.h"
#include "tests/support/random_values.h"

namespace plait::test {

// Patient i lacks genes where i % 5 == 4, proteins where i % 3 == 2 (so both where i % 15 == 14), and is positive where
// i % positive_every == 0.
inline Cohort study_cohort(int patients, int positive_every = 2) {
  std::vector<double> targets;
  for (int i = 0; i < patients; ++i) targets.push_back(i % positive_every == 0 ? 1.0 : 0.0);
  Cohort cohort = memory_cohort(TaskKind::binary, targets);
  const auto add = [&](const char* name, std::int64_t columns, int lacks_every, bool missing_cells) {
    std::vector<float> cells = random_values<float>(patients * columns, 17 + static_cast<unsigned>(columns), -1.0, 1.0);
    std::vector<std::int64_t> row_of_patient;
    for (int i = 0; i < patients; ++i) {
      row_of_patient.push_back(i % lacks_every == lacks_every - 1 ? -1 : i);
      float* row = cells.data() + i * columns;
      if (targets[static_cast<std::size_t>(i)] > 0.5) row[0] += 1.0f, row[1] -= 0.5f;
      if (missing_cells && i % 4 == 1) row[2 + i % 3] = NAN;
    }
    // Rows of patients who lack the modality are in the matrix and nobody's.
    add_expression(cohort, name, columns, std::move(cells), std::move(row_of_patient));
  };
  add("genes", 6, 5, true);
  add("proteins", 4, 3, false);
  return cohort;
}

inline RunConfig study_config(const Cohort& cohort, std::vector<std::string> sets = {}) {
  std::vector<InputShape> inputs;
  for (const ModalityData& modality : cohort.modalities)
    inputs.push_back({.name = modality.name, .kind = modality.kind});
  sets.insert(sets.begin(),
              {"model.embed_dim=5", "encoder.genes.hidden=[7]", "encoder.proteins.type=mlp",
               "encoder.proteins.hidden=[4]", "train.epochs=3", "train.batch_size=8", "train.patience=0"});
  return load_config(inputs, {}, sets);
}

// Patients [begin, end).
inline std::vector<std::int64_t> patient_range(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> patients;
  for (std::int64_t i = begin; i < end; ++i) patients.push_back(i);
  return patients;
}

}  // namespace plait::test
