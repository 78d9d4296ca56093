// Whole models on a device, step by step beside the CPU: the same loss, the same parameters, the same predictions. The
// same source runs on the SIMT executor and on a real GPU.
//
// Tolerance: kernels with the CPU's order of operations give its bits; sums over patients (dw of the attention vector,
// bias gradients, split products) run in an order of their own, and Adam divides by the root of the gradient's square,
// which makes a difference in the last bit of a small gradient one of up to 1e-3 of a step of 1e-3. Eight steps: 1e-5.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>

#include "engine/train/trainer.h"
#include "kernels/gpu_runtime.h"
#include "study/inference.h"
#include "tests/support/device_test.h"
#include "tests/support/error_of.h"
#include "tests/support/small_models.h"

namespace plait {
namespace {

constexpr double tolerance = 1e-5;

// The same few batches in every epoch.
class FixedBatches : public BatchSource {
 public:
  explicit FixedBatches(const BatchPlan& plan, int count) {
    for (int i = 0; i < count; ++i) {
      BatchPlan one = plan;
      one.seed = static_cast<std::uint32_t>(i + 1);
      data_.push_back(std::make_unique<SyntheticBatch>(one));
    }
  }
  SyntheticBatch& operator[](std::size_t i) { return *data_[i]; }
  std::int64_t patients() const override { return batches() * data_[0]->batch.patients; }
  std::int64_t batch_size() const override { return data_[0]->batch.size; }
  std::int64_t batches() const override { return std::ssize(data_); }
  void start_epoch(std::uint32_t) override { next_ = 0; }
  const Batch* next() override { return next_ == data_.size() ? nullptr : &data_[next_++]->batch; }

 private:
  std::vector<std::unique_ptr<SyntheticBatch>> data_;
  std::size_t next_ = 0;
};

struct Trained {
  std::unique_ptr<MultimodalModel> model;
  std::vector<LossTerms> losses;  // of every epoch
  std::vector<float> values;
  TrainState state;
  std::vector<std::vector<float>> buffers;  // of the checkpoint
};

struct Course {
  std::string fusion = "hybrid";
  TaskKind task = TaskKind::binary;
  std::int64_t outputs = 1;
  TrainOptions options;
  const Trained* from = nullptr;
  DType compute = DType::f32;
  std::int64_t stop_after = -1;  // steps
};

TrainOptions small_options() {
  TrainOptions options;
  options.epochs = 4;
  options.learning_rate = 1e-3;
  options.patience = 0;
  options.clip_norm = 0.5;
  options.checkpoint_every = 1000;
  return options;
}

Trained train(const Course& run, const Device& device) {
  Trained trained;
  trained.model =
      std::make_unique<MultimodalModel>(small_config(run.fusion), run.task, run.outputs, small_training(), 1);
  randomise_parameters(trained.model->parameters(), 3);
  trained.model->parameters().move_to(device);
  trained.model->parameters().upload();
  if (run.compute == DType::bf16) trained.model->parameters().compute_in(DType::bf16);
  FixedBatches batches(small_plan(trained.model->config(), run.task, run.outputs, DType::f32), 5);
  Trainer trainer(*trained.model, run.options);
  TrainHooks hooks;
  hooks.epoch_done = [&](const EpochRecord& record) { trained.losses.push_back(record.train); };
  std::int64_t steps = 0;
  hooks.step_done = [&](const StepRecord&) { ++steps; };
  hooks.stop = [&] { return steps + 1 == run.stop_after; };
  hooks.checkpoint = [&](const TrainState& state) {
    trained.state = state;
    trained.buffers.clear();
    for (const TrainBuffer& buffer : trainer.buffers()) {
      const auto* first = static_cast<const float*>(buffer.data);
      trained.buffers.emplace_back(first, first + trained.model->parameters().flat_count());
    }
  };
  if (run.from != nullptr) {
    const std::vector<TrainBuffer> buffers = trainer.buffers();
    for (std::size_t i = 0; i < buffers.size(); ++i)
      std::copy(run.from->buffers[i].begin(), run.from->buffers[i].end(), static_cast<float*>(buffers[i].data));
  }
  trainer.run(batches, hooks, run.from != nullptr ? &run.from->state : nullptr);
  trained.model->parameters().download();
  trained.values = flat_values<float>(trained.model->parameters());
  return trained;
}

class Models : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gpu::devices().empty()) GTEST_SKIP() << gpu::why_none();
  }
  void TearDown() override {
    for (const std::string& report : testing::take_device_reports()) ADD_FAILURE() << report;
  }
};

void expect_near(double a, double b, double within, const std::string& what) {
  EXPECT_TRUE(std::fabs(a - b) <= within) << what << ": " << a << " and " << b;
}

void expect_same_course(const Trained& cpu, const Trained& device) {
  ASSERT_EQ(cpu.losses.size(), device.losses.size());
  for (std::size_t e = 0; e < cpu.losses.size(); ++e) {
    const std::string epoch = "epoch " + std::to_string(e + 1);
    expect_near(cpu.losses[e].task, device.losses[e].task, tolerance, epoch + " task");
    expect_near(cpu.losses[e].align, device.losses[e].align, tolerance, epoch + " align");
    expect_near(cpu.losses[e].reconstruction, device.losses[e].reconstruction, tolerance, epoch + " reconstruction");
    expect_near(cpu.losses[e].l2, device.losses[e].l2, tolerance, epoch + " l2");
  }
  ASSERT_EQ(cpu.values.size(), device.values.size());
  double worst = 0.0;
  for (std::size_t i = 0; i < cpu.values.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(cpu.values[i]) - static_cast<double>(device.values[i]));
    worst = difference <= worst ? worst : difference;  // keeps a NaN
  }
  EXPECT_TRUE(worst <= tolerance) << worst;
}

class Fusions : public Models, public ::testing::WithParamInterface<std::string> {};

INSTANTIATE_TEST_SUITE_P(All, Fusions,
                         ::testing::Values("hybrid", "attention", "concat", "table", "image", "expression", "early",
                                           "late", "late_logit", "late_stacked", "hybrid_zero", "concat_zero"));

TEST_P(Fusions, TrainingFollowsTheCpu) {
  const Course run{.fusion = GetParam(), .options = small_options()};
  const Trained cpu = train(run, Device{}), device = train(run, Device::gpu());
  expect_same_course(cpu, device);
}

TEST_P(Fusions, PredictionsAreTheCpus) {
  MultimodalModel model(small_config(GetParam()), TaskKind::binary, 1, small_training(), 1);
  randomise_parameters(model.parameters(), 3);
  FixedBatches batches(small_plan(model.config(), TaskKind::binary, 1, DType::f32), 6);
  std::vector<std::vector<float>> logits, alpha;
  std::vector<double> losses;
  for (const Device& device : {Device{}, Device::gpu()}) {
    model.parameters().move_to(device);
    Inference inference(model);
    for (std::size_t i = 0; i < 6; ++i) {  // from the third on: captured
      const Inference::Result result = inference.run(batches[i].batch);
      logits.push_back(elements<float>(result.logits));
      if (!result.alpha.empty()) alpha.push_back(elements<float>(result.alpha));
      losses.push_back(result.task);
    }
  }
  for (std::size_t i = 0; i < 6; ++i) {
    expect_near(losses[i], losses[i + 6], 1e-6, "loss");
    ASSERT_EQ(logits[i].size(), logits[i + 6].size());
    for (std::size_t k = 0; k < logits[i].size(); ++k) expect_near(logits[i][k], logits[i + 6][k], 2e-6, "logit");
    if (alpha.empty()) continue;
    for (std::size_t k = 0; k < alpha[i].size(); ++k) expect_near(alpha[i][k], alpha[i + 6][k], 1e-6, "weight");
  }
}

TEST_F(Models, EveryTaskAndOptimizer) {
  struct Case {
    TaskKind task;
    std::int64_t outputs;
    OptimizerKind optimizer;
    std::int64_t accumulate;
  };
  for (const Case& c :
       {Case{TaskKind::multiclass, 4, OptimizerKind::adamw, 1}, Case{TaskKind::multilabel, 3, OptimizerKind::sgd, 2},
        Case{TaskKind::regression, 1, OptimizerKind::adam, 3}, Case{TaskKind::survival, 1, OptimizerKind::adam, 1}}) {
    Course run{.task = c.task, .outputs = c.outputs, .options = small_options()};
    run.options.optimizer = c.optimizer;
    run.options.accumulate = c.accumulate;
    const Trained cpu = train(run, Device{}), device = train(run, Device::gpu());
    expect_same_course(cpu, device);
  }
}

TEST_F(Models, SurvivalInEveryFusion) {
  for (const char* fusion : {"early", "late", "expression"}) {
    SCOPED_TRACE(fusion);
    const Course run{.fusion = fusion, .task = TaskKind::survival, .options = small_options()};
    const Trained cpu = train(run, Device{}), device = train(run, Device::gpu());
    EXPECT_GT(cpu.losses[0].task, 0.1) << "a loss without events would follow easily";
    expect_same_course(cpu, device);
    EXPECT_TRUE(same_bits(device.values, train(run, Device::gpu()).values));
  }
}

TEST_F(Models, TheSameBitsTwiceAndAfterAnInterruption) {
  Course run{.options = small_options()};
  run.options.patience = 10;
  const Trained whole = train(run, Device::gpu()), again = train(run, Device::gpu());
  EXPECT_TRUE(same_bits(whole.values, again.values));
  for (const std::int64_t cut : {1, 7, 13}) {
    Course first = run;
    first.stop_after = cut;
    const Trained stopped = train(first, Device::gpu());
    EXPECT_EQ(stopped.state.step, cut);
    Course second = run;
    second.from = &stopped;
    const Trained resumed = train(second, Device::gpu());
    EXPECT_TRUE(same_bits(whole.values, resumed.values)) << "cut after step " << cut;
  }
}

// bf16 keeps 8 bits of mantissa: every product's operands err by 2^-9, a loss of order 1 by some percent; the
// parameters are fp32 and take steps of 1e-3, so after 20 of them a few have moved the other way (0.04 at most).
TEST_P(Fusions, Bf16FollowsTheCpuAtADistance) {
  Course run{.fusion = GetParam(), .options = small_options()};
  const Trained cpu = train(run, Device{});
  run.compute = DType::bf16;
  const Trained device = train(run, Device::gpu());
  ASSERT_EQ(cpu.losses.size(), device.losses.size());
  for (std::size_t e = 0; e < cpu.losses.size(); ++e)
    expect_near(cpu.losses[e].total(), device.losses[e].total(), 0.03 * cpu.losses[e].total(), "loss");
  for (std::size_t i = 0; i < cpu.values.size(); ++i) expect_near(cpu.values[i], device.values[i], 0.04, "parameter");
  EXPECT_NE(cpu.values, device.values) << "it was not fp32";
  EXPECT_TRUE(same_bits(device.values, train(run, Device::gpu()).values));
}

TEST_F(Models, Bf16GoesOnWithTheSameBits) {
  Course run{.options = small_options(), .compute = DType::bf16};
  const Trained whole = train(run, Device::gpu());
  Course first = run, second = run;
  first.stop_after = 7;
  const Trained stopped = train(first, Device::gpu());
  second.from = &stopped;
  EXPECT_TRUE(same_bits(whole.values, train(second, Device::gpu()).values));
}

TEST_F(Models, AStepIsOneGraphAndAllocatesNothing) {
  MultimodalModel model(small_config("hybrid"), TaskKind::binary, 1, small_training(), 1);
  model.parameters().move_to(Device::gpu());
  Optimizer optimizer(model.parameters(), small_options());
  GpuStep step(model, optimizer, small_options());
  step.begin(0, std::vector<float>(20, 1e-3f));
  SyntheticBatch data(small_plan(model.config(), TaskKind::binary, 1, DType::f32));
  for (int i = 0; i < 6; ++i) step.submit(data.batch, whole_step);
  const std::int64_t blocks = step.arena().block_allocations();
  for (int i = 0; i < 4; ++i) step.submit(data.batch, whole_step);
  EXPECT_EQ(step.arena().block_allocations(), blocks);
  EXPECT_GT(step.graph_nodes(), 10u);
  EXPECT_LE(step.graph_nodes(), 75u) << "of this small model: more than there were once";
  EXPECT_EQ(step.collect(true).size(), 10u);
}

TEST_F(Models, ANumberThatIsNotFiniteIsNamedWithItsStepAndRows) {
  MultimodalModel model(small_config("hybrid"), TaskKind::binary, 1, small_training(), 1);
  model.parameters().move_to(Device::gpu());
  Optimizer optimizer(model.parameters(), small_options());
  GpuStep step(model, optimizer, small_options());
  step.begin(0, std::vector<float>(20, 1e-3f));
  SyntheticBatch data(small_plan(model.config(), TaskKind::binary, 1, DType::f32));
  for (int i = 0; i < 5; ++i) step.submit(data.batch, whole_step);
  data.values<float>(0, 0)[1] = NAN;
  step.submit(data.batch, whole_step);
  const test::Thrown error = test::error_of([&] { step.collect(true); });
  EXPECT_EQ(error.code, ExitCode::numeric);
  EXPECT_TRUE(error.says("at step 6")) << error.message;
  EXPECT_TRUE(error.says("the loss is not finite: the first term that is not is the ")) << error.message;
  EXPECT_TRUE(error.says("rows 2, 5, 8")) << error.message;
}

}  // namespace
}  // namespace plait
