// A cohort made in memory: n patients with a target each and, if asked, groups. Ids are "p0", "p1", ...
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "io/data/cohort.h"

namespace plait::test {

inline Cohort memory_cohort(TaskKind task, const std::vector<double>& targets, std::size_t columns = 1) {
  Cohort cohort;
  cohort.task = task;
  cohort.labels_file = "labels.csv";
  cohort.targets = targets;
  double most = 0.0;
  for (const double target : targets) most = target > most ? target : most;
  for (std::size_t k = 0; k < columns; ++k) cohort.target_names.push_back("target" + std::to_string(k));
  if (task == TaskKind::binary || task == TaskKind::multiclass) {
    for (int k = 0; k <= static_cast<int>(most); ++k) cohort.classes.push_back("class" + std::to_string(k));
  }
  for (std::size_t i = 0; i < targets.size() / columns; ++i) {
    cohort.ids.push_back("p" + std::to_string(i));
    cohort.line.push_back(static_cast<std::uint32_t>(i + 2));
    cohort.group.push_back(static_cast<std::int32_t>(i));
  }
  return cohort;
}

// An expression modality: patient i has row row_of_patient[i] of cells[rows, columns]; -1 = none.
inline void add_expression(Cohort& cohort, const std::string& name, std::int64_t columns, std::vector<float> cells,
                           std::vector<std::int64_t> row_of_patient) {
  ModalityData data;
  data.name = name;
  data.kind = ModalityKind::expression;
  data.rows = static_cast<std::int64_t>(cells.size()) / columns;
  for (std::int64_t j = 0; j < columns; ++j) {
    data.columns.push_back({name + std::to_string(j), ColumnType::numeric, {}});
  }
  data.cells = std::move(cells);
  data.row_of_patient = std::move(row_of_patient);
  cohort.modalities.push_back(std::move(data));
}

// An image modality, height x width x channels, of bytes (bits = 8) or words (16): patient i has image
// row_of_patient[i]; -1 = none.
inline void add_images(Cohort& cohort, const std::string& name, std::array<std::int64_t, 3> shape, int bits,
                       const std::vector<std::uint16_t>& pixels, std::vector<std::int64_t> row_of_patient) {
  ModalityData data;
  data.name = name;
  data.kind = ModalityKind::image;
  data.height = shape[0], data.width = shape[1], data.channels = shape[2];
  data.rows = static_cast<std::int64_t>(pixels.size()) / (shape[0] * shape[1] * shape[2]);
  data.bits = bits;
  if (bits == 8)
    data.bytes.assign(pixels.begin(), pixels.end());
  else
    data.words = pixels;
  data.row_of_patient = std::move(row_of_patient);
  cohort.modalities.push_back(std::move(data));
}

}  // namespace plait::test
