// Integrated gradients: one step of them against central differences of the model's own outputs, completeness, and what
// has to be zero.
#include "study/explain/integrated_gradients.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "io/data/loader.h"
#include "study/explain/explanation.h"
#include "study/explain/game.h"
#include "tests/support/explained_model.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

struct Case {
  TaskKind task;
  std::string fusion;
  std::vector<std::string> more = {};

  friend void PrintTo(const Case& it, std::ostream* out) { *out << task_name(it.task) << ", " << it.fusion; }
};

struct Attributed {
  std::vector<Numbers> columns;
  Numbers change, error;
};

Attributed attribute(test::ExplainedModel& explained, const std::vector<std::size_t>& outputs, int steps) {
  Attributed all;
  integrated_gradients(explained.model(), *explained.dataset, explained.trained.fit, explained.everybody, outputs,
                       [&](const PatientAttribution& patient) {
                         EXPECT_EQ(patient.patient, all.columns.size());
                         all.columns.emplace_back(patient.columns.begin(), patient.columns.end());
                         all.change.push_back(patient.change);
                         all.error.push_back(patient.error);
                       },
                       {.steps = steps});
  return all;
}

class IntegratedGradients : public testing::TestWithParam<Case> {
 protected:
  test::ExplainedModel explained_{GetParam().task, GetParam().fusion, 48, GetParam().more};
  std::vector<std::size_t> outputs_ = explain(explained_.model(), *explained_.dataset, explained_.everybody).explained;
};

// With one step IG_j = x_j dF/dx_j at x / 2. Tolerance: single precision's 1e-7 over the step of 1e-3, and the second
// derivative. Where the differences to both sides disagree there is a kink of a ReLU between them: not compared.
TEST_P(IntegratedGradients, OneStepIsTheDerivativeHalfWay) {
  const MultimodalModel& model = explained_.model();
  const TargetFit& target = explained_.trained.fit.target;
  const Attributed found = attribute(explained_, outputs_, 1);
  Loader loader(*explained_.dataset, explained_.everybody, {.batch_size = 48, .shuffle = false, .prefetch = false});
  loader.start_epoch(0);
  const Batch& batch = *loader.next();
  Arena arena;
  Tape tape(arena, false);
  const auto output = [&](std::int64_t i) {
    tape.reset();
    const Tensor logits = model.forward(tape, StepContext{}, batch).logits.data;
    Numbers values(static_cast<std::size_t>(model.outputs()));
    output_values(target, {logits.as<float>() + i * logits.row_stride, values.size()}, values);
    return values[outputs_[static_cast<std::size_t>(i)]];
  };
  std::vector<Numbers> x(3);
  for (std::size_t m : {0u, 2u}) {
    const Tensor& values = batch.modalities[m].values;
    if (values.empty()) continue;
    for (std::int64_t i = 0; i < 48; ++i)
      for (std::int64_t j = 0; j < values.columns(); ++j) {
        float& cell = values.as<float>()[i * values.row_stride + j];
        x[m].push_back(static_cast<double>(cell));
        cell *= 0.5f;
      }
  }
  int compared = 0;
  double largest = 0.0;
  for (std::int64_t i = 0; i < 48; ++i) {
    std::size_t column = 0;
    for (std::size_t m : {0u, 2u}) {
      const Tensor& values = batch.modalities[m].values;
      if (values.empty()) continue;
      std::int64_t j = 0;
      for (const ColumnFit& fitted : explained_.trained.fit.modalities[m].columns) {
        double expected = 0.0, bend = 0.0;
        for (std::int64_t f = 0; f < fitted.features(); ++f, ++j) {
          const double at = x[m][static_cast<std::size_t>(i * values.columns() + j)];
          if (at == 0.0 || !has_modality(static_cast<ModalityMask>(i % 8), static_cast<int>(m))) continue;
          float& cell = values.as<float>()[i * values.row_stride + j];
          const float before = cell;
          const double here = output(i);
          cell = before + 1e-3f;
          const double above = output(i);
          cell = before - 1e-3f;
          const double below = output(i);
          cell = before;
          expected += at * (above - below) / 2e-3;
          bend += std::fabs(at * (above + below - 2.0 * here)) / 1e-3;
        }
        const double ig = found.columns[static_cast<std::size_t>(i)][column++];
        if (bend > 2e-3 * std::max(1.0, std::fabs(expected))) continue;
        EXPECT_NEAR(ig, expected, 2e-3 * std::max(1.0, std::fabs(expected))) << i << " " << fitted.name;
        largest = std::max(largest, std::fabs(ig));
        ++compared;
      }
    }
    EXPECT_EQ(column, found.columns[static_cast<std::size_t>(i)].size());
  }
  EXPECT_GE(compared, (x[2].empty() ? 3 : 8) * 48 * 9 / 10);
  EXPECT_GT(largest, 0.1);
}

TEST_P(IntegratedGradients, SumsToTheChangeFromTheBaseline) {
  const Attributed found = attribute(explained_, outputs_, 3000);
  const PatientExplanations all = explain(explained_.model(), *explained_.dataset, explained_.everybody);
  double largest = 0.0;
  for (std::size_t i = 0; i < 48; ++i) {
    const double sum = std::accumulate(found.columns[i].begin(), found.columns[i].end(), 0.0);
    EXPECT_NEAR(found.error[i], sum - found.change[i], 1e-9);
    EXPECT_NEAR(found.error[i], 0.0, 5e-3 * std::max(1.0, std::fabs(found.change[i]))) << i;
    largest = std::max(largest, std::fabs(found.change[i]));
    if (all.abstains[i] != 0) {
      EXPECT_EQ(found.change[i], 0.0);
      EXPECT_EQ(sum, 0.0);
    }
  }
  EXPECT_GT(largest, 0.1);
}

INSTANTIATE_TEST_SUITE_P(Models, IntegratedGradients,
                         testing::Values(Case{TaskKind::binary, "hybrid"}, Case{TaskKind::multiclass, "hybrid"},
                                         Case{TaskKind::multilabel, "concat"}, Case{TaskKind::regression, "attention"},
                                         Case{TaskKind::binary, "early"}, Case{TaskKind::binary, "ehr"},
                                         Case{TaskKind::binary, "late"}, Case{TaskKind::multiclass, "late"},
                                         Case{TaskKind::multilabel, "late"}, Case{TaskKind::regression, "late"},
                                         Case{TaskKind::binary, "late", {"model.late_mean=logit"}},
                                         Case{TaskKind::multiclass, "late", {"model.late_mean=stacked"}}));

TEST(IntegratedGradientsColumns, AreTheCohorts) {
  test::ExplainedModel explained(TaskKind::binary, "hybrid", 16);
  std::vector<std::string> names;
  for (const AttributedColumn& column : attributed_columns(explained.model(), explained.trained.fit))
    names.push_back(std::to_string(column.modality) + column.name);
  EXPECT_EQ(names, (std::vector<std::string>{"0age", "0sex", "0pressure", "2genes0", "2genes1", "2genes2", "2genes3",
                                             "2genes4"}));
  test::ExplainedModel image(TaskKind::binary, "image", 16);
  EXPECT_TRUE(attributed_columns(image.model(), image.trained.fit).empty());
}

// Nothing of a modality that is not there, and the parameters' gradients are left alone.
TEST(IntegratedGradientsColumns, AbsentModalitiesHaveNone) {
  test::ExplainedModel explained(TaskKind::binary, "hybrid", 16);
  const Attributed found = attribute(explained, std::vector<std::size_t>(16, 0), 4);
  for (std::size_t i = 0; i < 16; ++i)
    for (std::size_t column = 0; column < 8; ++column)
      EXPECT_TRUE(has_modality(static_cast<ModalityMask>(i % 8), column < 3 ? 0 : 2) ||
                  found.columns[i][column] == 0.0);
  for (const float gradient : flat_gradients<float>(explained.model().parameters())) EXPECT_EQ(gradient, 0.0f);
}

}  // namespace
}  // namespace plait
