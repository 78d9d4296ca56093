// A cohort in memory with a table ("ehr": a number, a category of two, a number with gaps), an image (9 x 8) and an
// expression profile of five genes, and a model for it whose parameters are drawn and not trained: what an explanation
// must add up to does not depend on training. Patient i has what the bits of i % 8 say: 0 has nothing.
#pragma once

#include <cmath>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "study/training.h"
#include "tests/support/memory_cohort.h"
#include "tests/support/random_values.h"
#include "tests/support/small_models.h"

namespace plait::test {

inline Cohort explained_cohort(TaskKind task, int patients) {
  std::vector<double> targets;
  const std::size_t columns = task == TaskKind::multilabel || task == TaskKind::survival ? 2 : 1;
  for (int i = 0; i < patients; ++i) {
    if (task == TaskKind::regression)
      targets.push_back(40.0 + 3.0 * (i * 7 % 11));
    else if (task == TaskKind::survival)
      targets.push_back(1.0 + i * 5 % 17);
    else if (task == TaskKind::multiclass)
      targets.push_back(i / 2 % 3);
    else
      targets.push_back(i * 5 % 7 < 3 ? 1.0 : 0.0);
    if (columns == 2) targets.push_back(i % 2);
  }
  Cohort cohort = memory_cohort(task, targets, columns);
  const auto rows_of = [&](int bit) {
    std::vector<std::int64_t> rows;
    for (int i = 0; i < patients; ++i) rows.push_back((i >> bit & 1) != 0 ? i : -1);
    return rows;
  };
  ModalityData ehr;
  ehr.name = "ehr";
  ehr.kind = ModalityKind::table;
  ehr.rows = patients;
  ehr.columns = {{"age", ColumnType::numeric, {}},
                 {"sex", ColumnType::categorical, {"F", "M"}},
                 {"pressure", ColumnType::numeric, {}}};
  ehr.cells = random_values<float>(3 * patients, 31, -2.0, 2.0);
  for (int i = 0; i < patients; ++i) {
    ehr.cells[static_cast<std::size_t>(3 * i + 1)] = static_cast<float>(i / 3 % 2);
    if (i % 5 == 1) ehr.cells[static_cast<std::size_t>(3 * i + 2)] = NAN;
  }
  ehr.row_of_patient = rows_of(0);
  cohort.modalities.push_back(std::move(ehr));
  std::vector<std::uint16_t> pixels;
  for (int i = 0; i < patients * 72; ++i) pixels.push_back(static_cast<std::uint16_t>(i * i * 31 % 251));
  add_images(cohort, "image", {9, 8, 1}, 8, pixels, rows_of(1));
  add_expression(cohort, "genes", 5, random_values<float>(5 * patients, 47, -1.0, 1.0), rows_of(2));
  return cohort;
}

struct ExplainedModel {
  ExplainedModel(TaskKind task, const std::string& fusion, int patients = 40, const std::vector<std::string>& more = {})
      : cohort(explained_cohort(task, patients)) {
    std::vector<InputShape> inputs;
    for (const ModalityData& modality : cohort.modalities)
      inputs.push_back({.name = modality.name, .kind = modality.kind});
    std::vector<std::string> sets = {"model.fusion=" + fusion, "model.embed_dim=6", "encoder.ehr.hidden=[7]",
                                     "encoder.image.channels=[3, 4]", "encoder.genes.hidden=[5]"};
    sets.insert(sets.end(), more.begin(), more.end());
    everybody.resize(static_cast<std::size_t>(patients));
    std::iota(everybody.begin(), everybody.end(), 0);
    PreprocessOptions options;
    for (const InputShape& input : inputs)  // a unimodal model reads its own modality alone
      if ((fusion == "ehr" || fusion == "image") && input.name != fusion) options.unread.push_back(input.name);
    trained = build_model(load_config(inputs, {}, sets), fit_preprocess(cohort, everybody, options), false);
    randomise_parameters(trained.model->parameters(), 11, 0.8);
    dataset = std::make_unique<Dataset>(cohort, trained.fit);
  }
  MultimodalModel& model() { return *trained.model; }

  Cohort cohort;
  std::vector<std::int64_t> everybody;
  TrainedModel trained;
  std::unique_ptr<Dataset> dataset;
};

}  // namespace plait::test
