// A training on several ranks against the same on one: the same bits in the model, the same numbers in every epoch.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "io/checkpoint.h"
#include "study/train_checkpoint.h"
#include "study/training.h"
#include "tests/support/error_of.h"
#include "tests/support/small_models.h"
#include "tests/support/study_cohort.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thread_ranks.h"

namespace plait {
namespace {

struct Outcome {
  std::vector<float> values;
  std::vector<double> numbers;  // of every epoch
  std::int64_t steps = 0;
  std::size_t optimizer_bytes = 0;
};

struct Plan {
  std::vector<std::string> sets;
  bool fast = false;
  std::filesystem::path checkpoints = {};
  bool resume = false;
  std::int64_t stop_after = -1;  // questions, one a step and one an epoch; only the last rank is told
};

Outcome train(const Plan& plan, Communicator* ranks) {
  const Cohort cohort = test::study_cohort(103);
  const Split split{.train = test::patient_range(0, 80), .validation = test::patient_range(80, 103), .test = {}};
  Outcome outcome;
  TrainingHooks hooks;
  hooks.epoch_done = [&](const EpochRecord& record) {
    const auto add = [&](double number) { outcome.numbers.push_back(number); };
    add(record.train.task), add(record.train.l2), add(record.train.align), add(record.train.reconstruction);
    add(record.validation.loss), add(static_cast<double>(record.step));
    for (const auto& [name, value] : record.validation.metrics) add(value);
  };
  std::int64_t asked = 0;
  hooks.stop = [&] {
    const bool told = ranks == nullptr || ranks->rank() == ranks->size() - 1;
    return ++asked == plan.stop_after && told;
  };
  TrainingOptions options;
  options.ranks = ranks;
  options.fast = plan.fast;
  if (!plan.checkpoints.empty())
    options.checkpoints = {.root = plan.checkpoints, .resume = plan.resume, .log = [] { return ""; }, .restored = {}};
  const Training training = train_model(test::study_config(cohort, plan.sets), cohort, split, hooks, options);
  outcome.values = flat_values<float>(training.trained.model->parameters());
  outcome.steps = training.result.steps;
  outcome.optimizer_bytes = training.optimizer_bytes;
  return outcome;
}

// The outcomes of all ranks.
std::vector<Outcome> train_on(int ranks, const Plan& plan) {
  std::vector<Outcome> outcomes(static_cast<std::size_t>(ranks));
  test::ThreadRanks(ranks).run(
      [&](Communicator& c) { outcomes[static_cast<std::size_t>(c.rank())] = train(plan, &c); });
  return outcomes;
}

class Ranks : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(Ranks, AnyNumberGivesTheSameModelAndNumbers) {
  Plan plan{.sets = GetParam()};
  plan.sets.push_back("distributed.shards=8");
  const Outcome one = train(plan, nullptr);
  EXPECT_GT(one.steps, 0);
  for (const int ranks : {2, 4, 8})
    for (const char* zero : {"distributed.zero=0", "distributed.zero=1"}) {
      Plan with = plan;
      with.sets.emplace_back(zero);
      for (const Outcome& rank : train_on(ranks, with)) {
        EXPECT_TRUE(same_bits(rank.values, one.values)) << ranks << " ranks, " << zero;
        EXPECT_EQ(rank.numbers, one.numbers) << ranks << " ranks, " << zero;
        EXPECT_EQ(rank.steps, one.steps);
      }
    }
}

INSTANTIATE_TEST_SUITE_P(
    Configurations, Ranks,
    testing::Values(std::vector<std::string>{"train.batch_size=24"},
                    // Padding inside a batch, clipping, several batches a step with a short last one.
                    std::vector<std::string>{"train.batch_size=13", "train.clip_norm=0.05", "train.accumulate=3",
                                             "train.optimizer=adamw"},
                    std::vector<std::string>{"train.optimizer=sgd", "train.batch_size=5", "model.fusion=attention"},
                    std::vector<std::string>{"distributed.gradient_dtype=bf16", "train.clip_norm=0.05"},
                    std::vector<std::string>{"encoder.genes.pretrain_epochs=2", "encoder.genes.type=dae",
                                             "train.batch_size=40", "train.class_weights=balanced"},
                    std::vector<std::string>{"train.patience=1", "train.epochs=30", "train.learning_rate=0.1",
                                             "model.fusion=late", "model.late_mean=stacked"}));

// What is cut into parts differs from what is not, by rounding.
TEST(Ranks, PartsChangeRoundingOnly) {
  const Outcome whole = train({.sets = {"train.batch_size=24"}}, nullptr);
  const Outcome parts = train({.sets = {"train.batch_size=24", "distributed.shards=4"}}, nullptr);
  EXPECT_FALSE(same_bits(parts.values, whole.values));
  ASSERT_EQ(parts.values.size(), whole.values.size());
  for (std::size_t i = 0; i < whole.values.size(); ++i) EXPECT_NEAR(parts.values[i], whole.values[i], 2e-4);
}

// A node of the tree over eight parts is rounded to 8 bits, up to four times from a part to the sum: 4 * 2^-9 of the
// gradients' size. SGD moves the weights by as much of their way.
TEST(Ranks, Bf16GradientsAreNearTheOthers) {
  const std::vector<std::string> sets{"distributed.shards=8", "train.optimizer=sgd", "train.l2=0",
                                      "train.batch_size=24", "train.learning_rate=0.01"};
  std::vector<std::string> rounded = sets;
  rounded.emplace_back("distributed.gradient_dtype=bf16");
  std::vector<std::string> nothing = sets;
  nothing.emplace_back("train.epochs=0");
  const Outcome start = train({.sets = nothing}, nullptr), fp32 = train({.sets = sets}, nullptr);
  const Outcome bf16 = train({.sets = rounded}, nullptr);
  double way = 0.0, off = 0.0;
  for (std::size_t i = 0; i < start.values.size(); ++i) {
    way += std::pow(static_cast<double>(fp32.values[i]) - static_cast<double>(start.values[i]), 2);
    off += std::pow(static_cast<double>(bf16.values[i]) - static_cast<double>(fp32.values[i]), 2);
  }
  EXPECT_GT(off, 0.0);
  EXPECT_LT(std::sqrt(off), 4.0 / 512 * std::sqrt(way));
}

TEST(Ranks, Bf16GradientsAreNotForPlainSums) {
  const test::Thrown error =
      test::error_of([] { train_on(2, {.sets = {"distributed.gradient_dtype=bf16"}, .fast = true}); });
  EXPECT_EQ(error.code, ExitCode::usage);
  EXPECT_TRUE(error.says("--fast adds in fp32")) << error.message;
}

TEST(Ranks, AShareOfTheOptimizersStateWithZero) {
  const std::vector<std::string> wide{"distributed.shards=2", "encoder.genes.hidden=[512, 128]"};
  Plan plan{.sets = wide};
  const std::size_t whole = train_on(2, plan)[0].optimizer_bytes;
  plan.sets.emplace_back("distributed.zero=1");
  const std::vector<Outcome> shared = train_on(2, plan);
  EXPECT_EQ(shared[0].optimizer_bytes + shared[1].optimizer_bytes, whole);
  EXPECT_LT(shared[0].optimizer_bytes, whole * 6 / 10);
  EXPECT_LT(shared[1].optimizer_bytes, whole * 6 / 10);
}

TEST(Ranks, FastTakesAnyNumber) {
  const Outcome one = train({.sets = {"train.batch_size=24"}}, nullptr);
  for (const char* zero : {"distributed.zero=0", "distributed.zero=1"}) {
    const std::vector<Outcome> three = train_on(3, {.sets = {"train.batch_size=24", zero}, .fast = true});
    EXPECT_TRUE(same_bits(three[0].values, three[1].values));
    EXPECT_TRUE(same_bits(three[0].values, three[2].values));
    for (std::size_t i = 0; i < one.values.size(); ++i) EXPECT_NEAR(three[0].values[i], one.values[i], 2e-4);
  }
}

TEST(Ranks, ThatDoNotDivideTheShardsAreAUsageError) {
  for (const auto& [ranks, shards] : {std::pair{3, "distributed.shards=8"}, std::pair{2, "distributed.shards=1"}}) {
    const test::Thrown error =
        test::error_of([&, ranks = ranks, shards = shards] { train_on(ranks, {.sets = {shards}}); });
    EXPECT_EQ(error.code, ExitCode::usage);
    EXPECT_TRUE(error.says("--fast")) << error.message;
  }
}

// Stopped by one rank's signal, then on with another number of ranks: the bits of a run that nobody stopped.
TEST(Ranks, GoOnWithAnotherNumberOfRanks) {
  for (const char* zero : {"distributed.zero=0", "distributed.zero=1"}) {
    const std::vector<std::string> sets{"distributed.shards=8", zero,
                                        "train.epochs=4",       "train.batch_size=24",
                                        "train.clip_norm=0.1",  "train.patience=3"};
    const Outcome whole = train({.sets = sets}, nullptr);
    for (const auto& [before, after] : {std::pair{4, 2}, std::pair{1, 8}, std::pair{8, 1}}) {
      const test::TemporaryFolder folder;
      Plan plan{.sets = sets, .checkpoints = folder.path() / "checkpoint", .stop_after = 6};
      for (const Outcome& rank : train_on(before, plan)) EXPECT_EQ(rank.steps, 5);
      plan.resume = true;
      plan.stop_after = -1;
      plan.sets.emplace_back("distributed.zero=1");  // whatever it was before
      for (const Outcome& rank : train_on(after, plan)) {
        EXPECT_TRUE(same_bits(rank.values, whole.values)) << before << " to " << after << " ranks, " << zero;
        EXPECT_EQ(rank.steps, whole.steps);
      }
    }
  }
}

// Every rank ends at the same step with the same words, those of the one that holds the patient.
TEST(Ranks, ANonFiniteLossEndsAllOfThem) {
  const Plan plan{.sets = {"distributed.shards=4", "train.learning_rate=1e30", "train.batch_size=24"}};
  std::map<int, std::string> messages;
  std::mutex guard;
  test::ThreadRanks(4).run([&](Communicator& c) {
    try {
      train(plan, &c);
    } catch (const AgreedError& error) {
      const std::lock_guard lock(guard);
      EXPECT_EQ(error.code(), ExitCode::numeric);
      messages[c.rank()] = error.what();
    }
  });
  ASSERT_EQ(messages.size(), 4u);
  for (const auto& [rank, message] : messages) EXPECT_EQ(message, messages[0]);
  EXPECT_NE(messages[0].find("is not finite"), std::string::npos) << messages[0];
}

}  // namespace
}  // namespace plait
