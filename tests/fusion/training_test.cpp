// Whole training runs: every head learns what can be learnt, and the same seed gives the same bits on any number of
// threads.
#include <gtest/gtest.h>

#include <cmath>
#include "engine/train/trainer.h"
#include "tests/support/small_models.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

// The layers are wide enough for every kernel to share its work among threads.
ModelConfig middling_config() {
  ModelConfig config = small_config("hybrid");
  config.embed_dim = 32;
  config.inputs[0].features = 32;
  config.inputs[1].height = config.inputs[1].width = 20;
  config.inputs[2].features = 600;
  config.encoders[0].hidden = {64};
  config.encoders[1].hidden = {};
  config.encoders[1].channels = {16, 16};
  config.encoders[2].hidden = {128};
  return config;
}

std::vector<float> after_twenty_steps(int threads, OptimizerKind optimizer) {
  const ThreadCount scope(threads);
  const ModelConfig config = middling_config();
  MultimodalModel model(config, TaskKind::binary, 1, small_training(), 7);
  TrainOptions options;
  options.optimizer = optimizer;
  options.clip_norm = 1.0;
  Trainer trainer(model, options);
  BatchPlan plan{.inputs = config.inputs, .available = {}, .padding = 3, .weighted = true, .some_unobserved = true};
  for (unsigned i = 0; i < 61; ++i) plan.available.push_back(static_cast<ModalityMask>(i % 5 == 0 ? i % 8 : 7));
  const SyntheticBatch first(plan);
  plan.seed = 2;
  const SyntheticBatch second(plan);
  for (int step = 0; step < 20; ++step) {
    trainer.accumulate(step % 2 == 0 ? first.batch : second.batch, true);
    trainer.update(1e-3);
  }
  return flat_values<float>(model.parameters());
}

TEST(Training, SameSeedSameBitsOnAnyNumberOfThreads) {
  for (const OptimizerKind optimizer : {OptimizerKind::adam, OptimizerKind::adamw, OptimizerKind::sgd}) {
    const std::vector<float> one = after_twenty_steps(1, optimizer);
    for (const float v : one) ASSERT_TRUE(std::isfinite(v));
    for (const int threads : {1, 2, 4}) EXPECT_TRUE(same_bits(after_twenty_steps(threads, optimizer), one)) << threads;
  }
}

struct Head {
  std::string fusion;
  TaskKind task;
  std::int64_t outputs;
};

class Learning : public ::testing::TestWithParam<Head> {};

// The targets are functions of two table cells.
void set_targets(SyntheticBatch& data, TaskKind task) {
  for (std::int64_t i = 0; i < data.batch.size; ++i) {
    const float a = data.values<float>(0, i)[0], b = data.values<float>(0, i)[1];
    float* t = task == TaskKind::multiclass ? nullptr : data.batch.targets.as<float>();
    switch (task) {
      case TaskKind::binary:
        t[i] = a > 0.0f ? 1.0f : 0.0f;
        break;
      case TaskKind::multiclass:
        data.batch.targets.as<std::int32_t>()[i] = a < -0.7f ? 0 : a < 0.7f ? 1 : 2;
        break;
      case TaskKind::multilabel:
        t[2 * i] = a > 0.0f ? 1.0f : 0.0f;
        t[2 * i + 1] = b > 0.0f ? 1.0f : 0.0f;
        break;
      case TaskKind::regression:
        t[i] = a - 0.5f * b;
        break;
      case TaskKind::survival:  // learns in study/survival/full_batch_test.cpp: here patients have no order
        break;
    }
  }
}

TEST_P(Learning, HalvesTheLossOnSomethingLearnable) {
  const Head& head = GetParam();
  ModelConfig config = small_config(head.fusion);
  config.embed_dim = 12;
  config.encoders[0].hidden = {24};
  for (EncoderConfig& encoder : config.encoders) encoder.dropout = 0.0;
  MultimodalModel model(config, head.task, head.outputs, small_training(), 5);
  BatchPlan plan{.inputs = config.inputs, .task = head.task, .outputs = head.outputs, .available = {}};
  for (unsigned i = 0; i < 64; ++i) plan.available.push_back(static_cast<ModalityMask>(i % 8 | 1));
  SyntheticBatch data(plan);
  set_targets(data, head.task);

  const std::uint32_t step = 0;
  const auto task_loss = [&]() -> double {
    Arena arena;
    Tape tape(arena, false);
    const StepContext context{.step = &step, .rows = nullptr};
    return model.loss(tape, context, data.batch).task;
  };
  const double before = task_loss();
  TrainOptions options;
  Trainer trainer(model, options);
  for (int i = 0; i < 300; ++i) {
    trainer.accumulate(data.batch, true);
    trainer.update(3e-3);
  }
  EXPECT_LT(task_loss(), 0.5 * before);
}

std::vector<Head> heads() {
  std::vector<Head> all;
  for (const char* fusion : {"hybrid", "attention", "concat", "table", "early", "late", "late_logit", "hybrid_zero"}) {
    all.push_back({fusion, TaskKind::binary, 1});
    all.push_back({fusion, TaskKind::multiclass, 3});
    all.push_back({fusion, TaskKind::multilabel, 2});
    all.push_back({fusion, TaskKind::regression, 1});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Models, Learning, ::testing::ValuesIn(heads()), [](const auto& info) {
  return info.param.fusion + "_" + std::string(task_name(info.param.task));
});

}  // namespace
}  // namespace plait
