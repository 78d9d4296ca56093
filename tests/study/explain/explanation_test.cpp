// Explanations of whole models against the same numbers from `predict`, one subset of the modalities at a time.
#include "study/explain/explanation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "engine/error.h"
#include "study/prediction.h"
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

double odds(double p) {
  return std::log(p / (1.0 - p));
}

// v(S) of every patient and output: what `predict` says when everything outside S is hidden. The prior's probability
// stands in the predictions of those on whom it abstains.
Numbers worth(test::ExplainedModel& explained, TaskKind task, unsigned set) {
  const auto hidden = static_cast<ModalityMask>(7u & ~set);
  Numbers values = predict(explained.model(), *explained.dataset, explained.everybody, {.removed = hidden}).values;
  if (task != TaskKind::regression && task != TaskKind::survival)
    for (double& value : values) value = odds(value);
  return values;
}

// -loss by its definition, from the same numbers.
double minus_loss(const Dataset& dataset, TaskKind task, std::int64_t i, const double* value, std::size_t outputs) {
  double sum = 0.0;
  const auto probability = [](double v) { return 1.0 / (1.0 + std::exp(-v)); };
  switch (task) {
    case TaskKind::multiclass:
      return std::log(probability(value[static_cast<std::size_t>(dataset.raw_target(i))]));
    case TaskKind::regression:
      return -std::pow((dataset.raw_target(i) - value[0]) / dataset.target_fit().deviation, 2.0);
    case TaskKind::survival:
      return NAN;
    case TaskKind::binary:
    case TaskKind::multilabel:
      break;
  }
  for (std::size_t k = 0; k < outputs; ++k) {
    const double p = probability(value[k]);
    sum += dataset.raw_target(i, static_cast<std::int64_t>(k)) > 0.5 ? std::log(p) : std::log(1.0 - p);
  }
  return sum / static_cast<double>(outputs);
}

// Three players, written out.
double shapley_of(int m, const std::array<double, 8>& v) {
  const int a = (m + 1) % 3, b = (m + 2) % 3;
  const auto at = [&](int first, int second = -1, int third = -1) {
    std::size_t set = 0;
    for (const int player : {first, second, third})
      if (player >= 0) set |= std::size_t{1} << player;
    return v[set];
  };
  return (at(m) - v[0]) / 3.0 + (at(m, a) - at(a)) / 6.0 + (at(m, b) - at(b)) / 6.0 + (v[7] - at(a, b)) / 3.0;
}

class Explanations : public testing::TestWithParam<Case> {};

TEST_P(Explanations, AgreeWithPredictSubsetBySubset) {
  const auto& [task, fusion, more] = GetParam();
  test::ExplainedModel explained(task, fusion, 300, more);  // more than one batch, the last one ragged
  const Dataset& dataset = *explained.dataset;
  const PatientExplanations found = explain(explained.model(), dataset, explained.everybody);
  ASSERT_EQ(found.count(), 300u);
  ASSERT_EQ(found.modalities, 3u);
  std::array<Numbers, 8> v;
  for (unsigned set = 0; set < 8; ++set) v[set] = worth(explained, task, set);

  const std::size_t outputs = found.outputs;
  double largest = 0.0;
  for (std::size_t i = 0; i < found.count(); ++i) {
    const auto has = static_cast<ModalityMask>(fusion == "ehr" ? i & 1u : i & 7u);
    std::array<double, 8> losses{};
    for (std::size_t k = 0; k < outputs; ++k) {
      std::array<double, 8> game{};
      for (std::size_t set = 0; set < 8; ++set) game[set] = v[set][i * outputs + k];
      const auto phi = found.of_output(found.shapley, i, k), lost = found.of_output(found.ablation, i, k);
      // The probabilities of `predict` are the logits' own to 1e-15, their log-odds to some 1e-12.
      const double tolerance = 1e-9 * std::max(1.0, std::fabs(game[7]));
      EXPECT_NEAR(found.value[i * outputs + k], game[7], tolerance);
      EXPECT_NEAR(found.prior[k], game[0], 1e-12);
      for (int m = 0; m < 3; ++m) {
        const auto at = static_cast<std::size_t>(m);
        EXPECT_NEAR(phi[at], shapley_of(m, game), tolerance) << i << " " << m;
        EXPECT_NEAR(lost[at], game[7] - game[7u ^ (1u << m)], tolerance) << i << " " << m;
        if (!has_modality(has, m)) {
          EXPECT_EQ(phi[at], 0.0);
          EXPECT_EQ(lost[at], 0.0);
        }
        largest = std::max(largest, std::fabs(phi[at]));
      }
      EXPECT_NEAR(std::accumulate(phi.begin(), phi.end(), 0.0), found.value[i * outputs + k] - found.prior[k], 1e-5);
    }
    EXPECT_EQ(found.abstains[i], has == 0 ? 1 : 0);
    for (std::size_t set = 0; set < 8; ++set)
      losses[set] = minus_loss(dataset, task, static_cast<std::int64_t>(i), v[set].data() + i * outputs, outputs);
    if (task == TaskKind::survival) {  // no patient has a share of a partial likelihood
      EXPECT_TRUE(std::isnan(found.loss[i]) && std::isnan(found.loss_shapley[i * 3]));
      continue;
    }
    EXPECT_NEAR(found.loss[i], -losses[7], 1e-8 * std::max(1.0, std::fabs(losses[7])));
    for (int m = 0; m < 3; ++m)
      EXPECT_NEAR(found.of_patient(found.loss_shapley, i)[static_cast<std::size_t>(m)], shapley_of(m, losses),
                  1e-8 * std::max(1.0, std::fabs(losses[7])));
  }
  EXPECT_GT(largest, 0.1) << "a model that says the same of everybody would pass";
}

TEST_P(Explanations, ShowTheWeightsOfPredict) {
  test::ExplainedModel explained(GetParam().task, GetParam().fusion, 24, GetParam().more);
  const PatientExplanations found = explain(explained.model(), *explained.dataset, explained.everybody);
  EXPECT_EQ(found.weights, predict(explained.model(), *explained.dataset, explained.everybody).weights);
  EXPECT_EQ(found.weights.empty(), GetParam().fusion != "hybrid" && GetParam().fusion != "attention");
}

INSTANTIATE_TEST_SUITE_P(Models, Explanations,
                         testing::Values(Case{TaskKind::binary, "hybrid"}, Case{TaskKind::binary, "attention"},
                                         Case{TaskKind::binary, "hybrid", {"model.missing=zero"}},
                                         Case{TaskKind::binary, "concat"}, Case{TaskKind::binary, "early"},
                                         Case{TaskKind::binary, "late"},
                                         Case{TaskKind::multiclass, "late", {"model.late_mean=logit"}},
                                         Case{TaskKind::binary, "ehr"}, Case{TaskKind::multiclass, "hybrid"},
                                         Case{TaskKind::multilabel, "hybrid"}, Case{TaskKind::regression, "hybrid"},
                                         Case{TaskKind::regression, "late"}, Case{TaskKind::survival, "hybrid"},
                                         Case{TaskKind::survival, "late"}));

TEST(Explanation, AnswersDoNotDependOnTheBatch) {
  test::ExplainedModel explained(TaskKind::binary, "hybrid", 300);
  const PatientExplanations all = explain(explained.model(), *explained.dataset, explained.everybody);
  const std::vector<std::int64_t> few = {299, 7, 3};
  const PatientExplanations some = explain(explained.model(), *explained.dataset, few);
  for (std::size_t i = 0; i < few.size(); ++i)
    for (std::size_t m = 0; m < 3; ++m)
      EXPECT_EQ(some.of_output(some.shapley, i, 0)[m],
                all.of_output(all.shapley, static_cast<std::size_t>(few[i]), 0)[m]);
  EXPECT_EQ(explain(explained.model(), *explained.dataset, {}).count(), 0u);
}

TEST(Explanation, PatientsWithoutATargetHaveNoLoss) {
  Cohort cohort = test::explained_cohort(TaskKind::binary, 16);
  test::ExplainedModel explained(TaskKind::binary, "hybrid", 16);
  cohort.targets[7] = NAN;
  const Dataset dataset(cohort, explained.trained.fit);
  const PatientExplanations found = explain(explained.model(), dataset, explained.everybody);
  EXPECT_TRUE(std::isnan(found.loss[7]) && std::isnan(found.of_patient(found.loss_shapley, 7)[1]));
  EXPECT_FALSE(std::isnan(found.loss[6]));
  EXPECT_NE(found.of_output(found.shapley, 7, 0)[1], 0.0);
}

TEST(Explanation, ANumberThatIsNotFiniteNamesTheRow) {
  test::ExplainedModel explained(TaskKind::binary, "hybrid", 16);
  ParameterStore& store = explained.model().parameters();
  store.value(store.find("head.bias")).as<float>()[0] = INFINITY;
  try {
    explain(explained.model(), *explained.dataset, std::vector<std::int64_t>{5});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::numeric);
    EXPECT_NE(std::string(error.what()).find("row 5"), std::string::npos) << error.what();
  }
}

TEST(Orders, DifferWhereTwoAreSwapped) {
  const Numbers a = {3.0, 1.0, 2.0}, swapped = {3.0, 2.0, 1.0}, tied = {1.0, 1.0, 1.0}, other = {1.0, 0.5, 2.0};
  EXPECT_FALSE(orders_differ(a, a, 7));
  EXPECT_TRUE(orders_differ(a, swapped, 7));
  EXPECT_FALSE(firsts_differ(a, swapped, 7));
  EXPECT_FALSE(orders_differ(a, swapped, 3)) << "the third one is absent";
  EXPECT_FALSE(orders_differ(a, tied, 7)) << "equal numbers contradict nothing";
  EXPECT_FALSE(firsts_differ(a, tied, 7));
  EXPECT_TRUE(firsts_differ(a, other, 7));
  EXPECT_FALSE(firsts_differ(a, other, 3));
  EXPECT_FALSE(firsts_differ(a, other, 0));
}

}  // namespace
}  // namespace plait
