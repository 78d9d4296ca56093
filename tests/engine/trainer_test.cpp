// The training loop on a linear model whose every step can be written down.
#include "engine/train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "engine/ops/dense.h"
#include "engine/ops/losses.h"
#include "engine/optim/schedule.h"
#include "tests/support/error_of.h"
#include "tests/support/random_values.h"

namespace plait {
namespace {

constexpr std::int64_t width = 3;

// prediction = w x + b, loss = weighted mean squared error; in double.
class LinearObjective : public Objective {
 public:
  LinearObjective() : store_(DType::f64) {
    weight_ = store_.add("weight", {1, width}, Init::glorot_uniform, true);
    bias_ = store_.add("bias", {1}, Init::zeros, false);
    store_.allocate(3);
  }
  ParameterStore& parameters() override { return store_; }
  DataLosses loss(Tape& tape, const StepContext& context, const Batch& batch) override {
    steps_seen.push_back(*context.step);
    const Value y = ops::dense(tape, Value{batch.modalities[0].values}, tape.parameter(store_, weight_),
                               tape.parameter(store_, bias_), Activation::identity);
    return {.task = ops::squared_error(tape, y, batch)};
  }
  std::vector<double> values() const {
    const double* w = store_.value(weight_).as<double>();
    return {w[0], w[1], w[2], store_.value(bias_).as<double>()[0]};
  }
  std::vector<std::uint32_t> steps_seen;

 private:
  ParameterStore store_;
  int weight_, bias_;
};

// `batches` batches of 4 patients with given targets; the last patient of the last batch is padding.
class FixedSource : public BatchSource {
 public:
  explicit FixedSource(std::int64_t batches, std::uint32_t seed = 1) : count_(batches) {
    for (std::int64_t k = 0; k < batches; ++k) {
      Slot& s = slots_.emplace_back();
      s.x = random_values<double>(4 * 4, seed + static_cast<std::uint32_t>(k));
      s.target = random_values<float>(4, seed + 100 + static_cast<std::uint32_t>(k));
      s.weight = {1.0f, 0.5f, 2.0f, 1.5f};
      for (int i = 0; i < 4; ++i) s.row[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(10 * k + i);
      if (k + 1 == batches) s.weight[3] = 0.0f;
    }
    for (std::int64_t k = 0; k < batches; ++k) {
      Slot& s = slots_[static_cast<std::size_t>(k)];
      Batch& b = s.batch;
      b.size = 4;
      b.patients = k + 1 == batches ? 3 : 4;
      b.modalities.resize(1);
      b.modalities[0].values = {.data = s.x.data(), .dtype = DType::f64, .shape = {4, width}, .row_stride = 4};
      b.rows = {.data = s.row.data(), .dtype = DType::i32, .shape = {4}, .row_stride = 1};
      b.targets = {.data = s.target.data(), .dtype = DType::f32, .shape = {4, 1}, .row_stride = 1};
      b.weights = {.data = s.weight.data(), .dtype = DType::f32, .shape = {4}, .row_stride = 1};
      for (const float w : s.weight) b.weight_sum += static_cast<double>(w);
    }
  }
  std::int64_t patients() const override { return 4 * count_ - 1; }
  std::int64_t batch_size() const override { return 4; }
  std::int64_t batches() const override { return count_; }
  void start_epoch(std::uint32_t epoch) override {
    epochs_started.push_back(epoch);
    next_ = 0;
  }
  const Batch* next() override { return next_ < count_ ? &slots_[static_cast<std::size_t>(next_++)].batch : nullptr; }

  struct Slot {
    std::vector<double> x;
    std::vector<float> target;
    std::array<float, 4> weight;
    std::array<std::int32_t, 4> row;
    Batch batch;
  };
  std::vector<Slot>& slots() { return slots_; }
  std::vector<std::uint32_t> epochs_started;

 private:
  std::int64_t count_, next_ = 0;
  std::vector<Slot> slots_;
};

TrainOptions plain_options() {
  TrainOptions options;
  options.optimizer = OptimizerKind::sgd;
  options.momentum = 0.0;
  options.learning_rate = 0.125;
  options.schedule = ScheduleKind::constant;
  options.l2 = 0.0;
  options.patience = 0;
  options.epochs = 3;
  return options;
}

// Adds the gradient of one batch's loss to g and returns the loss.
double reference_loss(const FixedSource::Slot& s, const std::vector<double>& p, std::vector<double>& g) {
  double loss = 0.0;
  for (std::size_t i = 0; i < 4; ++i) {
    const double* x = s.x.data() + 4 * i;
    const double error = p[0] * x[0] + p[1] * x[1] + p[2] * x[2] + p[3] - static_cast<double>(s.target[i]);
    const double share = static_cast<double>(s.weight[i]) / s.batch.weight_sum;
    loss += share * error * error;
    for (std::size_t k = 0; k < 3; ++k) g[k] += 2 * share * error * x[k];
    g[3] += 2 * share * error;
  }
  return loss;
}

TEST(Trainer, IsGradientDescentWrittenDown) {
  for (const std::int64_t group : {1, 2, 3, 7}) {  // of 5 batches: the last group is smaller
    TrainOptions options = plain_options();
    options.accumulate = group;
    options.l2 = 0.03;
    options.schedule = ScheduleKind::cosine;
    options.warmup_steps = 2;
    LinearObjective objective;
    FixedSource source(5);
    std::vector<double> p = objective.values();
    Trainer trainer(objective, options);

    std::vector<LossTerms> reported;
    TrainHooks hooks;
    hooks.epoch_done = [&](const EpochRecord& record) { reported.push_back(record.train); };
    const TrainResult result = trainer.run(source, hooks);

    const std::int64_t updates = (5 + group - 1) / group;
    EXPECT_EQ(result.steps, 3 * updates);
    EXPECT_EQ(result.epochs, 3);
    EXPECT_EQ(result.best_epoch, 3) << "without early stopping the last parameters stay";
    EXPECT_EQ(source.epochs_started, (std::vector<std::uint32_t>{1, 2, 3}));
    std::int64_t step = 0;
    for (std::size_t epoch = 0; epoch < 3; ++epoch) {
      double task = 0.0, l2 = 0.0;
      for (std::int64_t first = 0; first < 5; first += group) {
        std::vector<double> g(4, 0.0);
        for (std::int64_t k = first; k < std::min<std::int64_t>(5, first + group); ++k)
          task += reference_loss(source.slots()[static_cast<std::size_t>(k)], p, g);
        for (std::size_t k = 0; k < 3; ++k) l2 += 0.03 * p[k] * p[k], g[k] += 2 * 0.03 * p[k];
        const float rate = static_cast<float>(
            scheduled_learning_rate(ScheduleKind::cosine, 0.125, 2, 3 * updates, step++));  // handed on as a float
        for (std::size_t k = 0; k < 4; ++k) p[k] -= static_cast<double>(rate) * g[k];
      }
      EXPECT_NEAR(reported[epoch].task, task / static_cast<double>(updates), 1e-12);
      EXPECT_NEAR(reported[epoch].l2, l2 / static_cast<double>(updates), 1e-12);
    }
    for (std::size_t k = 0; k < 4; ++k) EXPECT_NEAR(objective.values()[k], p[k], 1e-12) << k;
  }
}

TEST(Trainer, EveryBatchOfAStepDrawsFromTheSameStep) {
  TrainOptions options = plain_options();
  options.accumulate = 2;
  options.epochs = 2;
  LinearObjective objective;
  FixedSource source(3);
  Trainer(objective, options).run(source, {});
  EXPECT_EQ(objective.steps_seen, (std::vector<std::uint32_t>{0, 0, 1, 2, 2, 3}));
}

TEST(Trainer, NoEpochsLeaveTheInitialModel) {
  TrainOptions options = plain_options();
  options.epochs = 0;
  LinearObjective objective;
  const std::vector<double> before = objective.values();
  FixedSource source(2);
  const TrainResult result = Trainer(objective, options).run(source, {});
  EXPECT_EQ(objective.values(), before);
  EXPECT_EQ(result.steps, 0);
  EXPECT_EQ(result.best_epoch, 0);
}

TEST(Trainer, KeepsTheFirstBestEpochAndStopsAfterPatience) {
  const double losses[] = {3.0, 2.0, 2.0, 2.5, 1.0};  // epoch 3 only equals epoch 2; epoch 5 comes too late
  TrainOptions options = plain_options();
  options.epochs = 5;
  options.patience = 2;
  LinearObjective objective;
  FixedSource source(2);
  std::vector<std::vector<double>> values;
  std::vector<bool> best;
  TrainHooks hooks;
  hooks.validate = [&] {
    values.push_back(objective.values());
    return Validation{.loss = losses[values.size() - 1], .metrics = {}};
  };
  hooks.epoch_done = [&](const EpochRecord& record) {
    EXPECT_TRUE(record.validated);
    best.push_back(record.best);
  };
  const TrainResult result = Trainer(objective, options).run(source, hooks);
  EXPECT_TRUE(result.stopped_early);
  EXPECT_EQ(result.epochs, 4);
  EXPECT_EQ(result.best_epoch, 2);
  EXPECT_EQ(best, (std::vector<bool>{true, true, false, false}));
  EXPECT_EQ(objective.values(), values[1]);
  EXPECT_NE(values[1], values[2]) << "else the line above shows nothing";
}

TEST(Trainer, PutsTheBestEpochBackEvenWhereItDidNotStopEarly) {
  const double losses[] = {1.0, 2.0, 3.0};
  TrainOptions options = plain_options();
  options.patience = 10;
  LinearObjective objective;
  FixedSource source(2);
  std::vector<std::vector<double>> values;
  TrainHooks hooks;
  hooks.validate = [&] {
    values.push_back(objective.values());
    return Validation{.loss = losses[values.size() - 1], .metrics = {}};
  };
  const TrainResult result = Trainer(objective, options).run(source, hooks);
  EXPECT_FALSE(result.stopped_early);
  EXPECT_EQ(result.best_epoch, 1);
  EXPECT_EQ(objective.values(), values[0]);
}

TEST(Trainer, ANonFiniteLossEndsTheRunAndNamesStepAndRows) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    LinearObjective objective;
    FixedSource source(2);
    source.slots()[1].x[4] = bad;  // the second batch, its second patient
    const std::vector<double> before = objective.values();
    bool recorded = false;
    TrainHooks hooks;
    hooks.epoch_done = [&](const EpochRecord&) { recorded = true; };
    const test::Thrown thrown = test::error_of([&] { Trainer(objective, plain_options()).run(source, hooks); });
    EXPECT_EQ(thrown.code, ExitCode::numeric);
    EXPECT_TRUE(thrown.says("step 2")) << thrown.message;
    EXPECT_TRUE(thrown.says("input of modality number 1") && thrown.says("rows 11 of")) << thrown.message;
    EXPECT_FALSE(recorded);
    for (const double v : objective.values()) EXPECT_TRUE(std::isfinite(v)) << "the bad step was not applied";
    EXPECT_NE(objective.values(), before);
  }
}

// The loss is finite, the gradient 2 (y - t) x is not.
TEST(Trainer, ANonFiniteGradientEndsTheRunBeforeTheUpdate) {
  LinearObjective objective;
  FixedSource source(1);
  source.slots()[0].x[0] = 1.7e308;
  source.slots()[0].target[0] = 100.0f;
  objective.parameters().value(0).as<double>()[0] = 0.0;
  const std::vector<double> before = objective.values();
  Trainer trainer(objective, plain_options());
  const Batch& batch = *(source.start_epoch(1), source.next());
  const test::Thrown thrown = test::error_of([&] {
    trainer.accumulate(batch, true);
    trainer.update(0.1);
  });
  EXPECT_EQ(thrown.code, ExitCode::numeric);
  EXPECT_TRUE(thrown.says("gradient of weight at step 1") && thrown.says("rows 0, 1, 2")) << thrown.message;
  EXPECT_EQ(objective.values(), before);
}

// Stopped after any step and taken up again by a trainer that knows nothing but buffers and state: the same bits.
TEST(Trainer, GoesOnWithTheSameBits) {
  TrainOptions options = plain_options();
  options.epochs = 4;
  options.accumulate = 2;
  options.patience = 2;
  options.checkpoint_every = 3;
  const auto hooks_for = [](LinearObjective& objective, std::vector<EpochRecord>& records) {
    TrainHooks hooks;
    hooks.validate = [&] { return Validation{.loss = std::fabs(objective.values()[0] - 0.05), .metrics = {}}; };
    hooks.epoch_done = [&](const EpochRecord& record) { records.push_back(record); };
    return hooks;
  };
  LinearObjective whole;
  FixedSource source(5);
  std::vector<EpochRecord> records;
  const TrainResult expected = Trainer(whole, options).run(source, hooks_for(whole, records));
  const std::int64_t steps = expected.steps;
  ASSERT_GT(steps, 3);

  for (std::int64_t cut = 1; cut <= steps; ++cut) {
    LinearObjective first;
    std::vector<EpochRecord> seen;
    TrainHooks hooks = hooks_for(first, seen);
    Trainer trainer(first, options);
    std::int64_t done = 0;
    TrainState kept;
    std::vector<std::vector<std::byte>> copies;
    hooks.stop = [&] { return ++done >= cut; };
    hooks.checkpoint = [&](const TrainState& state) {
      kept = state;
      copies.clear();
      for (const TrainBuffer& buffer : trainer.buffers()) {
        const auto* bytes = static_cast<const std::byte*>(buffer.data);
        copies.emplace_back(bytes, bytes + first.parameters().flat_bytes());
      }
    };
    FixedSource again(5);
    trainer.run(again, hooks);

    LinearObjective second;
    Trainer resumed(second, options);
    const std::vector<TrainBuffer> buffers = resumed.buffers();
    ASSERT_EQ(buffers.size(), copies.size());
    for (std::size_t i = 0; i < buffers.size(); ++i)
      std::copy(copies[i].begin(), copies[i].end(), static_cast<std::byte*>(buffers[i].data));
    FixedSource rest(5);
    const TrainResult result = resumed.run(rest, hooks_for(second, seen), &kept);
    EXPECT_EQ(second.values(), whole.values()) << "cut after step " << cut;
    EXPECT_EQ(result.steps, expected.steps);
    EXPECT_EQ(result.best_epoch, expected.best_epoch);
    EXPECT_EQ(result.stopped_early, expected.stopped_early);
    ASSERT_EQ(seen.size(), records.size());
    for (std::size_t e = 0; e < records.size(); ++e) {
      EXPECT_EQ(seen[e].train.total(), records[e].train.total()) << "cut after step " << cut << ", epoch " << e;
      EXPECT_EQ(seen[e].best, records[e].best);
    }
  }
}

TEST(Trainer, APaddingRowCannotSpoilTheLoss) {
  LinearObjective objective;
  FixedSource source(2);
  source.slots()[1].x[12] = std::numeric_limits<double>::quiet_NaN();  // of the patient with weight 0
  // The linear objective has no gate in front of its layer: the patient's NaN times gradient 0 reaches the weight's
  // gradient, which is what models have select_rows for. Here the loss itself is looked at.
  Trainer trainer(objective, plain_options());
  EXPECT_TRUE(std::isfinite(trainer.accumulate(source.slots()[1].batch, true).total()));
}

TEST(Trainer, ANonFiniteParameterIsNamed) {
  TrainOptions options = plain_options();
  options.learning_rate = 1e30;  // the loss of the only step is finite, what it leads to overflows at the second
  options.epochs = 20;
  LinearObjective objective;
  FixedSource source(1);
  const test::Thrown thrown = test::error_of([&] { Trainer(objective, options).run(source, {}); });
  EXPECT_EQ(thrown.code, ExitCode::numeric) << thrown.message;

  LinearObjective broken;
  broken.parameters().value(1).as<double>()[0] = 0.0;
  TrainOptions huge = plain_options();
  huge.epochs = 1;
  huge.learning_rate = std::numeric_limits<double>::infinity();
  FixedSource one(1);
  const test::Thrown named = test::error_of([&] { Trainer(broken, huge).run(one, {}); });
  EXPECT_EQ(named.code, ExitCode::numeric);
  EXPECT_TRUE(named.says("parameter weight")) << named.message;
  EXPECT_TRUE(named.says("step 1")) << named.message;
}

// The gradient is finite, its square is not: Adam's weight would stand still from here on.
TEST(Trainer, ASecondMomentThatOverflowsEndsTheRun) {
  TrainOptions options = plain_options();
  options.optimizer = OptimizerKind::adam;
  options.epochs = 1;
  LinearObjective objective;
  objective.parameters().value(0).as<double>()[0] = 0.0;
  FixedSource source(1);
  source.slots()[0].x[0] = 1e160;
  source.slots()[0].target[0] = 100.0f;
  const test::Thrown thrown = test::error_of([&] { Trainer(objective, options).run(source, {}); });
  EXPECT_EQ(thrown.code, ExitCode::numeric);
  EXPECT_TRUE(thrown.says("parameter weight is not finite after step 1")) << thrown.message;
}

TEST(Trainer, ANonFiniteValidationLossEndsTheRun) {
  TrainOptions options = plain_options();
  options.patience = 1;
  LinearObjective objective;
  FixedSource source(1);
  TrainHooks hooks;
  hooks.validate = [] { return Validation{.loss = std::nan(""), .metrics = {}}; };
  const test::Thrown thrown = test::error_of([&] { Trainer(objective, options).run(source, hooks); });
  EXPECT_EQ(thrown.code, ExitCode::numeric);
  EXPECT_TRUE(thrown.says("epoch 1")) << thrown.message;
}

}  // namespace
}  // namespace plait
