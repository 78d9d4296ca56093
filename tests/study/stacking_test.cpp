// Stacking weights: the fit against its definition in plain loops, and what it does to a late fusion model.
#include "study/stacking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "fusion/stacking.h"
#include "study/prediction.h"
#include "tests/support/random_values.h"
#include "tests/support/small_models.h"
#include "tests/support/study_cohort.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

// mean over patients of the task's loss of exp(s) * sum_t softmax(v)_t logits_t over the present towers t; plus the
// ridge 1e-3 (|v|^2 + s^2) that holds the weights.
double plain_loss(const StackingData& data, const Numbers& v, double s) {
  double sum = 0.0;
  for (std::size_t i = 0; i < data.present.size(); ++i) {
    Numbers y(data.outputs, 0.0);
    double total = 0.0;
    for (std::size_t t = 0; t < data.towers; ++t) {
      if ((data.present[i] >> t & 1) == 0) continue;
      total += std::exp(v[t]);
      for (std::size_t c = 0; c < data.outputs; ++c)
        y[c] += std::exp(v[t]) * data.logits[(i * data.towers + t) * data.outputs + c];
    }
    if (total == 0.0) continue;
    double normaliser = 0.0;
    for (double& value : y) {
      value *= std::exp(s) / total;
      normaliser += std::exp(value);
    }
    if (data.task == TaskKind::multiclass) {
      sum += std::log(normaliser) - y[static_cast<std::size_t>(data.targets[i])];
      continue;
    }
    for (std::size_t c = 0; c < data.outputs; ++c) {
      const double target = data.targets[i * data.outputs + c], p = 1.0 / (1.0 + std::exp(-y[c]));
      sum += data.task == TaskKind::regression ? (y[c] - target) * (y[c] - target)
                                               : -target * std::log(p) - (1.0 - target) * std::log(1.0 - p);
    }
  }
  double ridge = s * s;
  for (const double value : v) ridge += value * value;
  return sum / static_cast<double>(std::max<std::size_t>(1, data.present.size())) + 1e-3 * ridge;
}

// Three towers: the first knows, the second half knows, the third draws lots; some are absent, patient 0 has none, and
// what absent towers hold is not to be read.
StackingData problem(TaskKind task, std::size_t outputs) {
  StackingData data{.task = task, .towers = 3, .outputs = outputs, .logits = {}, .present = {}, .targets = {}};
  const Numbers noise = random_values<double>(60 * 3 * 4, 5, -1.0, 1.0);
  for (std::size_t i = 0; i < 60; ++i) {
    data.present.push_back(i == 0 ? ModalityMask{0} : static_cast<ModalityMask>(1 + i * 5 % 7));
    const std::size_t truth = i * i % 3;
    for (std::size_t t = 0; t < 3; ++t)
      for (std::size_t c = 0; c < outputs; ++c) {
        const double signal = outputs == 1 ? (truth == 0 ? 1.0 : -1.0) : (c == truth ? 1.0 : -0.5);
        const double strength[] = {1.5, 0.5, 0.0};
        const bool there = (data.present[i] >> t & 1) != 0;
        data.logits.push_back(there ? strength[t] * signal + noise[(i * 3 + t) * 4 + c] : NAN);
      }
    if (task == TaskKind::multiclass) data.targets.push_back(static_cast<double>(truth));
    if (task == TaskKind::multiclass) continue;
    for (std::size_t c = 0; c < outputs; ++c) {
      const double label = outputs == 1 ? (truth == 0) : (c == truth);
      data.targets.push_back(task == TaskKind::regression ? 2.0 * label - 1.0 : label);
    }
  }
  return data;
}

TEST(Stacking, ReachesTheLeastLossByItsDefinition) {
  for (const auto& [task, outputs] : {std::pair{TaskKind::binary, 1u},
                                      {TaskKind::multilabel, 3u},
                                      {TaskKind::multiclass, 3u},
                                      {TaskKind::regression, 1u}}) {
    SCOPED_TRACE(task_name(task));
    StackingData data = problem(task, outputs);
    const StackingFit fit = fit_stacking(data);
    for (double& logit : data.logits)
      if (std::isnan(logit)) logit = 0.0;  // the plain loop skips it too; only to be sure of no 0 * NaN
    ASSERT_EQ(fit.v.size(), 3u);
    // Squared error with or without a factor of one half: told apart at equal weights, where no fit is involved.
    EXPECT_NEAR(fit.loss_before, plain_loss(data, Numbers(3, 0.0), 0.0), 1e-12);
    EXPECT_NEAR(fit.loss, plain_loss(data, fit.v, fit.log_scale), 1e-12);
    EXPECT_LT(fit.loss, fit.loss_before);
    EXPECT_GT(fit.v[0], fit.v[1]);
    EXPECT_GT(fit.v[1], fit.v[2]);
    // No step in any direction gets lower: central differences vanish as far as 500 steps of descent bring them (at the
    // start they are about 0.1), and the second ones are positive.
    for (std::size_t k = 0; k < 4; ++k) {
      const auto at = [&](double step) {
        Numbers v = fit.v;
        double s = fit.log_scale;
        (k < 3 ? v[k] : s) += step;
        return plain_loss(data, v, s);
      };
      EXPECT_NEAR((at(1e-5) - at(-1e-5)) / 2e-5, 0.0, 1e-4) << k;
      EXPECT_GT(at(0.1) + at(-0.1), 2.0 * at(0.0)) << k;
    }
  }
}

TEST(Stacking, NobodyGivesEqualWeights) {
  const StackingFit fit =
      fit_stacking({.task = TaskKind::binary, .towers = 2, .outputs = 1, .logits = {}, .present = {}, .targets = {}});
  EXPECT_EQ(fit.v, Numbers(2, 0.0));
  EXPECT_EQ(fit.log_scale, 0.0);
}

TEST(Stacking, WritesItsWeightsIntoTheModelAndNothingElse) {
  const Cohort cohort = test::study_cohort(90);
  const Split split{.train = test::patient_range(0, 50), .validation = test::patient_range(50, 90), .test = {}};
  const RunConfig config =
      test::study_config(cohort, {"model.fusion=late", "model.late_mean=stacked", "train.epochs=8"});
  Training training = train_model(config, cohort, split, {});
  MultimodalModel& model = *training.trained.model;
  ParameterStore& store = model.parameters();
  const int weight = store.find("fusion.stacking.weight"), scale = store.find("fusion.stacking.log_scale");
  ASSERT_GE(weight, 0);
  ASSERT_GE(scale, 0);
  float* v = store.value(weight).as<float>();
  float* s = store.value(scale).as<float>();
  const float fitted[] = {v[0], v[1], s[0]};
  EXPECT_NE(fitted[0], fitted[1]);
  const Dataset dataset(cohort, training.trained.fit);
  std::vector<std::int64_t> validation;
  for (const std::int64_t i : split.validation)
    if (i % 15 != 14) validation.push_back(i);
  const double stacked = predict(model, dataset, validation).task_loss;
  EXPECT_NE(fitted[2], 0.0f);
  // What the fit minimised, by the model's own predictions: less in no direction.
  const auto objective = [&] {
    const auto square = [](float x) { return static_cast<double>(x) * static_cast<double>(x); };
    return predict(model, dataset, validation).task_loss + 1e-3 * (square(v[0]) + square(v[1]) + square(s[0]));
  };
  const double least = objective();
  for (float* parameter : {v, v + 1, s})
    for (const float step : {-0.3f, 0.3f}) {
      const float before = *parameter;
      *parameter += step;
      EXPECT_GT(objective(), least);
      *parameter = before;
    }
  v[0] = v[1] = s[0] = 0.0f;
  const std::vector<float> plain_values = flat_values<float>(store);
  const double plain = predict(model, dataset, validation).task_loss;
  EXPECT_LT(stacked, plain) << "fitted on these patients";

  // Done again from there it finds the same, and leaves every other parameter alone.
  stack_towers(model, dataset, validation);
  const float again[] = {v[0], v[1], s[0]};
  for (int k = 0; k < 3; ++k) EXPECT_EQ(again[k], fitted[k]) << k;
  v[0] = v[1] = s[0] = 0.0f;
  EXPECT_TRUE(same_bits(flat_values<float>(store), plain_values));

  // Nobody: equal weights.
  v[0] = 3.0f;
  stack_towers(model, dataset, {});
  EXPECT_EQ(v[0], 0.0f);
  EXPECT_EQ(v[1], 0.0f);
  EXPECT_EQ(s[0], 0.0f);
}

}  // namespace
}  // namespace plait
