// After the first steps a training step asks the system for no memory. A program of its own, because it replaces the
// global operator new; every allocation of the process is counted.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "engine/train/trainer.h"
#include "tests/support/small_models.h"
#include "tests/support/thread_count.h"

namespace {

std::atomic<std::int64_t> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  size = (std::max<std::size_t>(size, 1) + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// The standard library's array forms call these; a sanitizer's do not, so the nothrow form that the arena uses is here.
void* operator new(std::size_t size) {
  return counted(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept try {
  return counted(size, static_cast<std::size_t>(alignment));
} catch (const std::bad_alloc&) {
  return nullptr;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace plait {
namespace {

TEST(Allocation, IsCounted) {
  const std::int64_t before = allocations;
  std::make_unique<std::vector<int>>(3)->push_back(1);
  EXPECT_GE(allocations - before, 2);
}

struct Case {
  std::string fusion;
  TaskKind task;
  std::int64_t outputs;
  OptimizerKind optimizer;
  int threads;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.fusion << " on " << c.threads << " threads";
}

class StepAllocation : public ::testing::TestWithParam<Case> {};

TEST_P(StepAllocation, NoneInStepsThreeToTen) {
  const Case& c = GetParam();
  const ThreadCount threads(c.threads);
  ModelConfig config = small_config(c.fusion);
  config.embed_dim = 32;
  config.inputs[2].features = 700;  // wide enough for work to be shared among threads
  config.encoders[2].hidden = {100};
  MultimodalModel model(config, c.task, c.outputs, small_training(), 1);
  BatchPlan plan = small_plan(config, c.task, c.outputs, DType::f32);
  for (int i = 0; i < 50; ++i) plan.available.push_back(7);
  const SyntheticBatch data(plan);
  TrainOptions options;
  options.optimizer = c.optimizer;
  options.clip_norm = 1.0;
  Trainer trainer(model, options);
  std::int64_t after_warm_up = 0, blocks = 0;
  for (int step = 1; step <= 10; ++step) {
    if (step == 3) after_warm_up = allocations, blocks = trainer.arena().block_allocations();
    trainer.accumulate(data.batch, true);
    trainer.accumulate(data.batch, false);
    trainer.update(1e-3);
  }
  EXPECT_EQ(allocations - after_warm_up, 0);
  EXPECT_EQ(trainer.arena().block_allocations() - blocks, 0);
}

TEST_P(StepAllocation, NoneInRepeatedInference) {
  const Case& c = GetParam();
  const ThreadCount threads(c.threads);
  const ModelConfig config = small_config(c.fusion);
  MultimodalModel model(config, c.task, c.outputs, small_training(), 1);
  const SyntheticBatch data(small_plan(config, c.task, c.outputs, DType::f32));
  Arena arena;
  Tape tape(arena, false);
  const std::uint32_t step = 0;
  const StepContext context{.step = &step, .rows = nullptr};
  std::int64_t after_warm_up = 0;
  for (int pass = 1; pass <= 10; ++pass) {
    if (pass == 3) after_warm_up = allocations;
    tape.reset();
    model.loss(tape, context, data.batch);
  }
  EXPECT_EQ(allocations - after_warm_up, 0);
}

INSTANTIATE_TEST_SUITE_P(Models, StepAllocation,
                         ::testing::Values(Case{"hybrid", TaskKind::binary, 1, OptimizerKind::adam, 1},
                                           Case{"hybrid", TaskKind::binary, 1, OptimizerKind::adam, 2},
                                           Case{"hybrid", TaskKind::multiclass, 3, OptimizerKind::sgd, 2},
                                           Case{"attention", TaskKind::multilabel, 2, OptimizerKind::adamw, 1},
                                           Case{"concat", TaskKind::regression, 1, OptimizerKind::adam, 1},
                                           Case{"early", TaskKind::binary, 1, OptimizerKind::adam, 2},
                                           Case{"late_stacked", TaskKind::multiclass, 3, OptimizerKind::adam, 2},
                                           Case{"hybrid_zero", TaskKind::multilabel, 2, OptimizerKind::adam, 2},
                                           Case{"image", TaskKind::binary, 1, OptimizerKind::adam, 2}));

}  // namespace
}  // namespace plait
