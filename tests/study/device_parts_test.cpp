// Training in parts on a device, one rank: beside the CPU's in the same parts, in buckets of any size, and to the bit
// beside itself. Tolerance: tests/study/device_test.cpp.
#include <gtest/gtest.h>

#include "io/data/loader.h"
#include "study/training.h"
#include "tests/support/device_test.h"
#include "tests/support/error_of.h"
#include "tests/support/image_cohort.h"
#include "tests/support/small_models.h"
#include "tests/support/temporary_folder.h"

namespace plait {
namespace {

using test::image_cohort;
using test::image_config;
using test::patient_range;

class DeviceParts : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gpu::devices().empty()) GTEST_SKIP() << gpu::why_none();
  }
  void TearDown() override {
    for (const std::string& report : testing::take_device_reports()) ADD_FAILURE() << report;
  }
};

struct Outcome {
  std::vector<float> values;
  std::vector<double> numbers;  // of every epoch
  std::int64_t steps = 0;
};

struct Plan {
  std::vector<std::string> sets;
  std::filesystem::path checkpoints = {};
  bool resume = false;
  std::int64_t stop_after = -1;  // questions: one a step and one an epoch
};

Outcome train(const Plan& plan, const Device& device) {
  const Cohort cohort = image_cohort(50);
  const Split split{.train = patient_range(0, 40), .validation = patient_range(40, 50), .test = {}};
  Outcome outcome;
  TrainingHooks hooks;
  hooks.epoch_done = [&](const EpochRecord& record) {
    for (const double number : {record.train.task, record.train.l2, record.train.align, record.train.reconstruction,
                                record.validation.loss, static_cast<double>(record.step)})
      outcome.numbers.push_back(number);
  };
  std::int64_t asked = 0;
  hooks.stop = [&] { return ++asked == plan.stop_after; };
  TrainingOptions options{.device = device};
  if (!plan.checkpoints.empty())
    options.checkpoints = {.root = plan.checkpoints, .resume = plan.resume, .log = [] { return ""; }, .restored = {}};
  const Training training = train_model(image_config(cohort, plan.sets), cohort, split, hooks, options);
  training.trained.model->parameters().download();
  outcome.values = flat_values<float>(training.trained.model->parameters());
  outcome.steps = training.result.steps;
  return outcome;
}

void expect_near(const std::vector<double>& a, const std::vector<double>& b, double within) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], within) << i;
}

TEST_F(DeviceParts, FollowTheCpus) {
  for (const std::vector<std::string>& sets :
       {std::vector<std::string>{"distributed.shards=4", "model.fusion=hybrid"},
        {"distributed.shards=8", "train.batch_size=13", "train.accumulate=3", "train.clip_norm=0.05"},
        {"distributed.shards=2", "encoder.genes.type=dae", "encoder.genes.pretrain_epochs=1"}}) {
    SCOPED_TRACE(sets[0]);
    const Outcome cpu = train({.sets = sets}, Device{}), device = train({.sets = sets}, Device::gpu());
    EXPECT_GT(device.steps, 0);
    expect_near(device.numbers, cpu.numbers, 1e-5);
    expect_near({device.values.begin(), device.values.end()}, {cpu.values.begin(), cpu.values.end()}, 1e-5);
    const Outcome again = train({.sets = sets}, Device::gpu());
    EXPECT_TRUE(same_bits(again.values, device.values));
    EXPECT_EQ(again.numbers, device.numbers);
  }
}

TEST_F(DeviceParts, GoOnWithTheSameBits) {
  const std::vector<std::string> sets{"distributed.shards=4", "train.epochs=4"};
  const Outcome whole = train({.sets = sets}, Device::gpu());
  const test::TemporaryFolder folder;
  Plan plan{.sets = sets, .checkpoints = folder.path() / "checkpoint", .stop_after = 8};
  const Outcome stopped = train(plan, Device::gpu());
  EXPECT_EQ(stopped.steps, 7);  // the sixth question came between two epochs
  plan.resume = true;
  plan.stop_after = -1;
  EXPECT_TRUE(same_bits(train(plan, Device::gpu()).values, whole.values));
}

// A wide model, whose buckets leave in the middle of the backward pass of encoders beside each other.
std::vector<float> train_in_buckets(std::int64_t bytes) {
  const Device device = Device::gpu();
  const Cohort cohort = image_cohort(40);
  const RunConfig config = image_config(cohort, {"encoder.genes.hidden=[200, 40]", "encoder.proteins.hidden=[90]"});
  const TrainedModel trained = build_model(config, fit_preprocess(cohort, patient_range(0, 40), {}));
  EXPECT_GT(trained.model->parameters().flat_count(), 2 * 4096);
  trained.model->parameters().move_to(device);
  const Dataset dataset(cohort, trained.fit);
  Distribution distribution;
  distribution.parts = parts_of_rank(4, 0, 1);
  distribution.bucket_bytes = bytes;
  Trainer trainer(*trained.model, config.train, distribution);
  Loader loader(dataset, patient_range(0, 40), {.batch_size = 12, .parts = distribution.parts});
  trainer.run(loader, {});
  trained.model->parameters().download();
  return flat_values<float>(trained.model->parameters());
}

TEST_F(DeviceParts, BucketsOfAnySizeGiveTheSameBits) {
  const std::vector<float> one = train_in_buckets(std::int64_t{4} << 20);
  EXPECT_TRUE(same_bits(train_in_buckets(4096 * 4), one));
  EXPECT_TRUE(same_bits(train_in_buckets(2 * 4096 * 4), one));
}

// Where a device's gradient differs from the CPU's in its last bit, its rounding may differ: by 2^-8 of it. Over the
// whole way of the weights that is little.
TEST_F(DeviceParts, InBf16FollowTheCpus) {
  const std::vector<std::string> sets{"distributed.shards=4", "distributed.gradient_dtype=bf16", "train.optimizer=sgd"};
  const Outcome cpu = train({.sets = sets}, Device{}), device = train({.sets = sets}, Device::gpu());
  expect_near(device.numbers, cpu.numbers, 1e-3);
  expect_near({device.values.begin(), device.values.end()}, {cpu.values.begin(), cpu.values.end()}, 1e-4);
  EXPECT_FALSE(same_bits(train({.sets = {sets[0], sets[2]}}, Device::gpu()).values, device.values));
}

// One rank has all of the optimizer's state anyway.
TEST_F(DeviceParts, ZeroIsNothingToOneRank) {
  const std::vector<std::string> sets{"distributed.shards=4", "train.clip_norm=0.05"};
  std::vector<std::string> with = sets;
  with.emplace_back("distributed.zero=1");
  EXPECT_TRUE(same_bits(train({.sets = with}, Device::gpu()).values, train({.sets = sets}, Device::gpu()).values));
}

TEST_F(DeviceParts, NumbersThatAreNotFiniteEndIt) {
  const test::Thrown failed = test::error_of([] {
    train({.sets = {"distributed.shards=4", "train.learning_rate=1e30"}}, Device::gpu());
  });
  EXPECT_EQ(failed.code, ExitCode::numeric);
  EXPECT_TRUE(failed.says("is not finite")) << failed.message;
}

}  // namespace
}  // namespace plait
