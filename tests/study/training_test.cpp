// What a training is validated on: those the model can say something about, weighted as the training part asks.
#include "study/training.h"

#include <gtest/gtest.h>

#include <cmath>

#include "study/prediction.h"
#include "tests/support/error_of.h"
#include "tests/support/study_cohort.h"

namespace plait {
namespace {

using test::patient_range;

struct Observed {
  Training training;
  std::vector<EpochRecord> epochs;
  std::vector<std::string> notes;

  bool notes_say(const std::string& part) const {
    for (const std::string& note : notes)
      if (note.find(part) != std::string::npos) return true;
    return false;
  }
};

Observed train(const Cohort& cohort, const Split& split, const std::vector<std::string>& sets) {
  Observed observed;
  TrainingHooks hooks;
  hooks.built = [&](const TrainedModel&, const Training&, const std::vector<std::string>& notes) {
    observed.notes = notes;
  };
  hooks.epoch_done = [&](const EpochRecord& record) { observed.epochs.push_back(record); };
  observed.training = train_model(test::study_config(cohort, sets), cohort, split, hooks);
  return observed;
}

TEST(Training, WhereEveryoneAbstainsThereIsNoValidation) {
  const Cohort cohort = test::study_cohort(60);
  // 14, 29, 44 and 59 have no modality at all.
  const Split nobody{.train = patient_range(0, 40), .validation = {44, 59}, .test = {}};
  const Observed observed = train(cohort, nobody, {"train.patience=1", "train.epochs=6"});
  EXPECT_EQ(observed.training.validation_patients, 0);
  EXPECT_EQ(observed.training.training_patients, 38);
  ASSERT_EQ(observed.epochs.size(), 6u) << "nothing to stop early by";
  for (const EpochRecord& record : observed.epochs) EXPECT_FALSE(record.validated);
  EXPECT_FALSE(observed.training.result.stopped_early);
  EXPECT_EQ(observed.training.result.best_epoch, 6);
  EXPECT_TRUE(observed.notes_say("nobody to validate on"));
  EXPECT_TRUE(observed.notes_say("2 patients of the training part have nothing"));
  EXPECT_TRUE(observed.notes_say("2 patients of the validation part have nothing"));
  // The same patients, but for a model that reads proteins alone: whoever lacks them is left out, whatever else he has.
  const Split others{.train = patient_range(0, 40), .validation = {2, 5, 8, 11}, .test = {}};
  const Observed unimodal = train(cohort, others, {"model.fusion=proteins", "train.patience=1"});
  EXPECT_EQ(unimodal.training.validation_patients, 0);
  EXPECT_FALSE(unimodal.epochs.at(0).validated);
}

TEST(Training, OneWhoAbstainsDoesNotWeighOnTheOthers) {
  const Cohort cohort = test::study_cohort(60);
  const Split with{.train = patient_range(0, 40), .validation = {41, 42, 43, 44, 45}, .test = {}};
  const Split without{.train = patient_range(0, 40), .validation = {41, 42, 43, 45}, .test = {}};
  const double loss = train(cohort, with, {}).epochs.back().validation.loss;
  EXPECT_GT(loss, 0.0);
  EXPECT_EQ(loss, train(cohort, without, {}).epochs.back().validation.loss);
}

TEST(Training, StackingNeedsSomebodyToBeFittedOn) {
  const Cohort cohort = test::study_cohort(60);
  const Split nobody{.train = patient_range(0, 40), .validation = {44, 59}, .test = {}};
  const auto refused = test::error_of([&] { train(cohort, nobody, {"model.fusion=late", "model.late_mean=stacked"}); });
  EXPECT_EQ(refused.code, ExitCode::usage);
  EXPECT_TRUE(refused.says("stacked")) << refused.message;
}

TEST(Training, WithNobodyToLearnFromThereIsNoTraining) {
  const Cohort cohort = test::study_cohort(60);
  const Split split{.train = {2, 5, 8, 11}, .validation = {}, .test = {}};  // all without proteins
  EXPECT_NE(test::error_of([&] { train(cohort, split, {"model.fusion=proteins"}); }).code, ExitCode::done);
}

// The validation loss against its definition, from the predicted probabilities of the model that was kept:
// sum w_i loss_i / sum w_i, w_i = n / (2 n_c) with the counts of the training part, not of the validation part.
TEST(Training, BalancedWeightsHoldInValidationToo) {
  const Cohort cohort = test::study_cohort(90, 4);
  const Split split{.train = patient_range(0, 60), .validation = patient_range(60, 90), .test = {}};
  const Observed observed = train(cohort, split, {"train.class_weights=balanced"});
  const Dataset dataset(cohort, observed.training.trained.fit);
  const PatientPredictions predictions = predict(*observed.training.trained.model, dataset, split.validation);

  double count[2] = {0.0, 0.0};
  for (const std::int64_t i : split.train)
    if (i % 15 != 14) count[i % 4 == 0 ? 1 : 0] += 1.0;
  double sum = 0.0, weights = 0.0, plain = 0.0, n = 0.0;
  for (std::size_t k = 0; k < split.validation.size(); ++k) {
    const std::int64_t i = split.validation[k];
    if (i % 15 == 14) continue;
    const double p = predictions.values[k], loss = -std::log(i % 4 == 0 ? p : 1.0 - p);
    const double weight = (count[0] + count[1]) / (2.0 * count[i % 4 == 0 ? 1 : 0]);
    sum += weight * loss, weights += weight, plain += loss, n += 1.0;
  }
  const double validation = observed.epochs.back().validation.loss;
  EXPECT_NEAR(validation, sum / weights, 1e-5 * validation);  // logits and losses are single precision
  EXPECT_GT(std::fabs(sum / weights - plain / n), 1e-3) << "the weights matter";
}

}  // namespace
}  // namespace plait
