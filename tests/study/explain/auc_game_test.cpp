// The game of AUCs against `predict`, subset by subset, and a plain count of pairs.
#include "study/explain/auc_game.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "study/prediction.h"
#include "tests/support/explained_model.h"

namespace plait {
namespace {

// The share of pairs of a positive and a negative in which the positive scores higher, ties one half.
double plain_auc(const std::vector<double>& scores, const std::vector<bool>& positive) {
  double won = 0.0, pairs = 0.0;
  for (std::size_t i = 0; i < scores.size(); ++i)
    for (std::size_t j = 0; j < scores.size(); ++j) {
      if (!positive[i] || positive[j]) continue;
      pairs += 1.0;
      won += scores[i] > scores[j] ? 1.0 : scores[i] == scores[j] ? 0.5 : 0.0;
    }
  return won / pairs;
}

TEST(AucGame, SharesOutTheAucOfPredict) {
  for (const TaskKind task : {TaskKind::binary, TaskKind::multiclass}) {
    SCOPED_TRACE(task_name(task));
    test::ExplainedModel explained(task, "hybrid", 160);
    const Dataset& dataset = *explained.dataset;
    const PatientExplanations all = explain(explained.model(), dataset, explained.everybody);
    const AucImportance found = auc_importance(all, dataset, 3);
    std::vector<double> v(8);
    for (unsigned set = 0; set < 8; ++set) {
      const std::vector<double> values =
          predict(explained.model(), dataset, explained.everybody, {.removed = static_cast<ModalityMask>(7u & ~set)})
              .values;
      const std::size_t outputs = all.outputs;
      for (std::size_t k = 0; k < outputs; ++k) {
        std::vector<double> scores;
        std::vector<bool> positive;
        for (std::size_t i = 0; i < 160; ++i) {
          scores.push_back(static_cast<double>(
              static_cast<float>(std::log(values[i * outputs + k] / (1.0 - values[i * outputs + k])))));
          const double target = dataset.raw_target(static_cast<std::int64_t>(i));
          positive.push_back(task == TaskKind::binary ? target > 0.5 : target == static_cast<double>(k));
        }
        v[set] += plain_auc(scores, positive) / static_cast<double>(outputs);
      }
    }
    EXPECT_DOUBLE_EQ(v[0], 0.5);
    EXPECT_NEAR(*found.auc.value, v[7], 1e-4) << "log-odds of neighbours may tie when rounded through a probability";
    double sum = 0.0;
    for (int m = 0; m < 3; ++m) {
      const std::size_t self = std::size_t{1} << m, a = std::size_t{1} << (m + 1) % 3,
                        b = std::size_t{1} << (m + 2) % 3;
      const double expected =
          (v[self] - v[0]) / 3.0 + (v[self | a] - v[a]) / 6.0 + (v[self | b] - v[b]) / 6.0 + (v[7] - v[a | b]) / 3.0;
      const auto at = static_cast<std::size_t>(m);
      EXPECT_NEAR(*found.shapley[at].value, expected, 1e-4);
      EXPECT_NEAR(*found.ablation[at].value, v[7] - v[a | b], 1e-4);
      EXPECT_LT(*found.shapley[at].lo, expected);
      EXPECT_GT(*found.shapley[at].hi, expected);
      sum += *found.shapley[at].value;
    }
    EXPECT_NEAR(sum, *found.auc.value - 0.5, 1e-12);
    EXPECT_NEAR(*found.differences[1].value, *found.shapley[0].value - *found.shapley[2].value, 1e-12);
  }
}

TEST(AucGame, HasNoValueWithoutTwoClasses) {
  test::ExplainedModel regression(TaskKind::regression, "hybrid", 16);
  EXPECT_FALSE(
      auc_importance(explain(regression.model(), *regression.dataset, regression.everybody), *regression.dataset, 1)
          .shapley[0]
          .value);
  test::ExplainedModel binary(TaskKind::binary, "hybrid", 40);
  std::vector<std::int64_t> positives;
  for (const std::int64_t i : binary.everybody)
    if (binary.dataset->raw_target(i) > 0.5) positives.push_back(i);
  const AucImportance found = auc_importance(explain(binary.model(), *binary.dataset, positives), *binary.dataset, 1);
  EXPECT_FALSE(found.auc.value || found.shapley[1].value || found.differences[2].lo);
}

}  // namespace
}  // namespace plait
