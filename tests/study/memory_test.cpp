// Training on a device that has no room for a step: the error says what would fit, and it does.
#include <gtest/gtest.h>

#include "engine/train/resident_cohort.h"
#include "engine/train/trainer.h"
#include "kernels/simt/memory_limit.h"
#include "study/training.h"
#include "tests/support/error_of.h"
#include "tests/support/small_models.h"
#include "tests/support/study_cohort.h"

namespace plait {
namespace {

class OneBatch : public BatchSource {
 public:
  explicit OneBatch(const BatchPlan& plan) : data_(plan) {}
  std::int64_t patients() const override { return data_.batch.patients; }
  std::int64_t batch_size() const override { return data_.batch.size; }
  std::int64_t batches() const override { return 1; }
  void start_epoch(std::uint32_t) override { done_ = false; }
  const Batch* next() override { return std::exchange(done_, true) ? nullptr : &data_.batch; }

 private:
  SyntheticBatch data_;
  bool done_ = false;
};

// A limit on the memory of the executor's device, for as long as it lives.
class Limit {
 public:
  Limit() { simt::memory_limit() = most; }
  ~Limit() { simt::memory_limit() = 0; }
  void leave(std::size_t bytes) const {
    const std::size_t used = simt::memory_limit() - gpu::devices()[0].free_bytes;
    simt::memory_limit() = used + bytes;
  }
  void lift() const { simt::memory_limit() = most; }

 private:
  static constexpr std::size_t most = std::size_t{1} << 40;
};

struct Outcome {
  test::Thrown thrown;
  int validations = 0;
};

Outcome train(const Device& device, const Limit& limit, int patients, std::size_t room, std::size_t validation) {
  MultimodalModel model(small_config("hybrid"), TaskKind::binary, 1, small_training(), 1);
  model.parameters().move_to(device);
  BatchPlan plan = small_plan(model.config(), TaskKind::binary, 1, DType::f32);
  plan.available.assign(static_cast<std::size_t>(patients), ModalityMask{7});
  plan.padding = 0;
  OneBatch source(plan);
  TrainOptions options;
  options.epochs = 3;
  options.patience = 0;
  Outcome outcome;
  TrainHooks hooks;
  hooks.validate = [&] {
    ++outcome.validations;
    Arena inference(device);
    inference.bytes(validation);
    return Validation{};
  };
  Trainer trainer(model, options);
  limit.leave(room);
  outcome.thrown = test::error_of([&] { trainer.run(source, hooks); });
  limit.lift();
  return outcome;
}

int number_behind(const std::string& text, const std::string& words) {
  const std::size_t at = text.find(words);
  return at == text.npos ? -1 : std::stoi(text.substr(at + words.size()));
}

TEST(Memory, ABatchSizeThatIsSaidToFitFits) {
  const Device device = Device::gpu();
  const Limit limit;
  for (const std::size_t validation : {std::size_t{1}, std::size_t{200'000}}) {
    const std::size_t room = 320'000;
    const Outcome outcome = train(device, limit, 96, room, validation);
    EXPECT_EQ(outcome.thrown.code, ExitCode::device);
    EXPECT_TRUE(outcome.thrown.says("a step of 96 patients does not fit, one of ")) << outcome.thrown.message;
    const int fits = number_behind(outcome.thrown.message, "set train.batch_size = ");
    ASSERT_GT(fits, 0) << outcome.thrown.message;
    ASSERT_LT(fits, 96) << outcome.thrown.message;
    EXPECT_GT(outcome.validations, 0) << "it leaves room for the validation";
    const Outcome again = train(device, limit, fits, room, validation);
    EXPECT_EQ(again.thrown.code, ExitCode::done) << again.thrown.message;
    EXPECT_EQ(again.validations, 3);
  }
}

TEST(Memory, WhereNotEvenOnePatientFitsABatchSizeIsNotSaid) {
  const Device device = Device::gpu();
  const Limit limit;
  const Outcome outcome = train(device, limit, 8, 1000, 1);
  EXPECT_EQ(outcome.thrown.code, ExitCode::device);
  EXPECT_TRUE(
      outcome.thrown.says("not even one patient fits that leaves room for the validation: choose smaller widths"))
      << outcome.thrown.message;
}

TEST(Memory, ACohortMayTakeHalfOfWhatIsFree) {
  const Device device = Device::gpu();
  const Limit limit;
  const std::vector<float> cells(1000), zero(10), one(10, 1.0f);
  const GatherSource source{.cells = cells.data(),
                            .rows = 100,
                            .columns = 10,
                            .stride = 10,
                            .period = 10,
                            .fill = zero.data(),
                            .mean = zero.data(),
                            .scale = one.data()};
  // Rows of 12 floats, a multiple of 256 bytes of them; three vectors of as much.
  const std::size_t bytes = 4864 + 3 * 256;
  const std::string said = std::to_string(bytes);
  limit.leave(2 * bytes);
  {
    const ResidentCohort resident(device, {&source, 1});
    EXPECT_TRUE(resident.there());
    EXPECT_EQ(device.free_bytes(), bytes);
    EXPECT_EQ(resident.summary(), "gathered on the device, where the cohort takes " + said + " bytes");
  }
  EXPECT_EQ(device.free_bytes(), 2 * bytes);
  EXPECT_FALSE(ResidentCohort(device, {&source, 1}, 1).there()) << "a byte is somebody else's";
  limit.leave(2 * bytes - 1);
  const ResidentCohort resident(device, {&source, 1});
  EXPECT_FALSE(resident.there());
  EXPECT_EQ(resident.summary(), "packed by the host: the cohort's " + said + " bytes are more than half of the " +
                                    std::to_string(2 * bytes - 1) + " free on the device");
}

struct Course {
  std::vector<std::string> batches;  // what was said of them
  std::vector<double> losses;
  std::vector<float> values;
  test::Thrown thrown;
};

// Forty patients with an image of 40 x 40 each, out of 2000 that take three megabytes. So many bytes are left beside
// the cohort from the first step on, or from the first validation on; 0: no limit.
Course train_beside_cohort(const Limit& limit, std::size_t left_for_steps, std::size_t left_for_validation) {
  Cohort cohort = test::study_cohort(40);
  test::add_images(cohort, "scan", {40, 40, 1}, 8, random_integers<std::uint16_t>(2000 * 1600, 1, 256),
                   test::patient_range(0, 40));
  Course course;
  TrainingHooks hooks;
  hooks.batches = [&](const std::string& how) {
    course.batches.push_back(how);
    if (course.batches.size() == 1 && left_for_steps > 0) limit.leave(left_for_steps);
  };
  std::int64_t steps = 0;
  hooks.step_done = [&](const StepRecord& record) {
    if (++steps == record.batches && left_for_validation > 0) limit.leave(left_for_validation);
  };
  hooks.epoch_done = [&](const EpochRecord& record) {
    course.losses.push_back(record.train.total());
    course.losses.push_back(record.validation.loss);
  };
  const Split split{.train = test::patient_range(0, 30), .validation = test::patient_range(30, 40), .test = {}};
  course.thrown = test::error_of([&] {
    const Training training = train_model(test::study_config(cohort, {"encoder.scan.channels=[2]"}), cohort, split,
                                          hooks, {.device = Device::gpu()});
    training.trained.model->parameters().download();
    course.values = flat_values<float>(training.trained.model->parameters());
    EXPECT_EQ(training.batches, course.batches.back());
  });
  limit.lift();
  return course;
}

TEST(Memory, ACohortLeavesWhereAStepOrAValidationNeedsItsRoom) {
  const Limit limit;
  const Course roomy = train_beside_cohort(limit, 0, 0);
  EXPECT_EQ(roomy.thrown.code, ExitCode::done) << roomy.thrown.message;
  EXPECT_EQ(roomy.batches.size(), 1u);
  for (const bool in_step : {true, false}) {
    const Course tight = train_beside_cohort(limit, in_step ? 200'000 : 0, in_step ? 0 : 100'000);
    EXPECT_EQ(tight.thrown.code, ExitCode::done) << tight.thrown.message;
    ASSERT_EQ(tight.batches.size(), 2u) << in_step;
    EXPECT_EQ(tight.batches[0].find("gathered on the device"), 0u);
    EXPECT_EQ(tight.batches[1].find("packed by the host: the "), 0u);
    EXPECT_EQ(tight.losses, roomy.losses);
    EXPECT_TRUE(same_bits(tight.values, roomy.values));
  }
}

}  // namespace
}  // namespace plait
