// How a survival model is trained and validated, and which settings it refuses.
#include "study/survival/full_batch.h"

#include <gtest/gtest.h>

#include <cmath>

#include "fusion/stacking.h"
#include "study/evaluation.h"
#include "study/prediction.h"
#include "tests/support/cox_problem.h"
#include "tests/support/error_of.h"
#include "tests/support/small_models.h"
#include "tests/support/survival_cohort.h"

namespace plait {
namespace {

using test::error_of;
using test::patient_range;
using test::survival_cohort;

const std::vector<std::string> kFusions = {"hybrid", "attention", "concat", "early", "late", "genes"};

Training train(const Cohort& cohort, const Split& split, std::vector<std::string> sets,
               std::vector<EpochRecord>* epochs = nullptr) {
  TrainingHooks hooks;
  hooks.epoch_done = [&](const EpochRecord& record) {
    if (epochs != nullptr) epochs->push_back(record);
  };
  return train_model(test::study_config(cohort, std::move(sets)), cohort, split, hooks);
}

// One epoch is one step, and the loss it reports is the definition's of the initial model's risks.
TEST(FullBatch, AStepIsTheLossOfEverybody) {
  const Cohort cohort = survival_cohort(60);
  const Split split{.train = patient_range(0, 40), .validation = patient_range(40, 60), .test = {}};
  for (const std::string& fusion : kFusions) {
    SCOPED_TRACE(fusion);
    const std::vector<std::string> sets = {"model.fusion=" + fusion, "train.modality_keep=1",
                                           "encoder.genes.corruption=0", "train.batch_size=7"};
    std::vector<std::string> untrained = sets, once = sets;
    untrained.push_back("train.epochs=0");
    once.push_back("train.epochs=1");
    const Training initial = train(cohort, split, untrained);
    std::vector<EpochRecord> epochs;
    const Training trained = train(cohort, split, once, &epochs);
    EXPECT_EQ(trained.result.steps, 1);

    const Dataset dataset(cohort, trained.trained.fit);
    // Late fusion: a loss a tower, over those who have its modality.
    double expected = 0.0;
    const std::vector<ModalityMask> shown =
        fusion == "late" ? std::vector<ModalityMask>{1, 2} : std::vector<ModalityMask>{3};
    for (const ModalityMask modalities : shown) {
      const PatientPredictions risks = predict(*initial.trained.model, dataset, split.train,
                                               {.removed = static_cast<ModalityMask>(3 & ~modalities)});
      expected += risks.task_loss;
      EXPECT_GT(risks.task_loss, 1.0);
    }
    EXPECT_NEAR(epochs[0].train.task, expected, 1e-5);
    // Validation: the part's own loss, and the concordance index.
    EXPECT_TRUE(epochs[0].validated);
    EXPECT_EQ(epochs[0].validation.loss, predict(*trained.trained.model, dataset, split.validation).task_loss);
    ASSERT_EQ(epochs[0].validation.metrics.size(), 1u);
    EXPECT_EQ(epochs[0].validation.metrics[0].first, "c_index");
  }
}

TEST(FullBatch, LearnsThePlantedRisk) {
  const Cohort cohort = survival_cohort(240);
  const Split split{.train = patient_range(0, 160), .validation = {}, .test = patient_range(160, 240)};
  for (const std::string& fusion : kFusions) {
    SCOPED_TRACE(fusion);
    const Training trained =
        train(cohort, split, {"model.fusion=" + fusion, "train.epochs=60", "train.learning_rate=0.02"});
    const Dataset dataset(cohort, trained.trained.fit);
    const Evaluation evaluation = evaluate(*trained.trained.model, dataset, split.test, 0, 1, 200);
    ASSERT_EQ(evaluation.metrics.size(), 1u);
    EXPECT_EQ(evaluation.metrics[0].name, "c_index");
    EXPECT_GT(evaluation.metrics[0].value.value(), 0.7);  // a fifth of the patients lack the genes
    EXPECT_GT(evaluation.metrics[0].lo.value(), 0.5);
    EXPECT_LT(evaluation.metrics[0].hi.value(), 1.0);
    EXPECT_EQ(evaluation.targets, (std::vector<std::int64_t>{20, 60}));
  }
}

// Order, batch size, accumulation and shuffling of the configuration have no say.
TEST(FullBatch, TheSameBitsWhateverTheBatchSize) {
  const Cohort cohort = survival_cohort(60);
  const Split split{.train = patient_range(0, 40), .validation = patient_range(40, 60), .test = {}};
  const auto values = [&](const std::vector<std::string>& sets) {
    return flat_values<float>(train(cohort, split, sets).trained.model->parameters());
  };
  const std::vector<float> expected = values({});
  for (const char* set : {"train.batch_size=1000", "train.batch_size=1", "train.accumulate=3", "train.shuffle=false"})
    EXPECT_TRUE(same_bits(values({set}), expected)) << set;
}

TEST(FullBatch, WhoHasNothingGetsTheRiskZero) {
  const Cohort cohort = survival_cohort(60);
  const Split split{.train = patient_range(0, 60), .validation = {}, .test = {}};
  const Training trained = train(cohort, split, {"train.learning_rate=0.1"});
  EXPECT_EQ(trained.trained.model->parameters().find("head.bias"), -1);
  const Dataset dataset(cohort, trained.trained.fit);
  const PatientPredictions risks = predict(*trained.trained.model, dataset, patient_range(0, 60));
  for (std::size_t i = 0; i < 60; ++i) {
    EXPECT_EQ(risks.abstains[i], i % 15 == 14 ? 1 : 0);
    EXPECT_EQ(risks.values[i] == 0.0, i % 15 == 14) << i;
  }
}

TEST(FullBatch, Refusals) {
  const Cohort cohort = survival_cohort(60);
  const Split split{.train = patient_range(0, 40), .validation = patient_range(40, 60), .test = {}};
  const auto refusal = [&](const Split& parts, const std::vector<std::string>& sets) {
    const test::Thrown thrown = error_of([&] { train(cohort, parts, sets); });
    EXPECT_EQ(thrown.code, ExitCode::usage) << thrown.message;
    return thrown;
  };
  EXPECT_TRUE(refusal(split, {"train.class_weights=balanced"}).says("train.class_weights"));
  EXPECT_TRUE(refusal(split, {"distributed.shards=2"}).says("distributed.shards = 1"));
  EXPECT_TRUE(refusal(split, {"model.fusion=late", "model.late_mean=stacked"}).says("stacked"));
  EXPECT_EQ(error_of([&] { require_survival_settings(test::study_config(cohort), 2); }).code, ExitCode::usage);
  // Patients 3, 7, 11, ... are censored.
  EXPECT_TRUE(refusal({.train = {3, 7, 11, 15}, .validation = {}, .test = {}}, {}).says("training part"));
  EXPECT_TRUE(refusal({.train = {0, 1, 2, 3}, .validation = {7, 11}, .test = {}}, {}).says("validation part"));
  // 14 has an event and nothing to read.
  EXPECT_TRUE(refusal({.train = {3, 7, 14}, .validation = {}, .test = {}}, {}).says("training part"));
}

}  // namespace
}  // namespace plait
