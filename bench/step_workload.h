// The training steps that are timed.
//   hybrid: batches of three modalities, a fifth of each missing; table 32 -> 128 -> 64; image 28 x 28 x 1 -> conv 16
//   -> conv 32 -> 64; expression 1000 -> 256 -> 64 with a mirrored decoder; binary head, Adam, every term of the loss.
//   table: 128 -> 128 -> 128 -> 128, head; nothing missing; cross-entropy and L2.
// bench/compare_pytorch.py builds the same models.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "engine/train/gpu_step.h"
#include "engine/train/trainer.h"
#include "fusion/model.h"
#include "tests/support/synthetic_batch.h"

namespace plait::bench {

inline ModelConfig hybrid_config() {
  ModelConfig c;
  c.inputs = {{.name = "table", .kind = ModalityKind::table, .features = 32},
              {.name = "image", .kind = ModalityKind::image, .height = 28, .width = 28, .channels = 1},
              {.name = "expression", .kind = ModalityKind::expression, .features = 1000}};
  for (const InputShape& input : c.inputs) c.encoders.push_back(default_encoder(input.kind));
  return c;
}

inline ModelConfig table_config() {
  ModelConfig c;
  c.inputs = {{.name = "table", .kind = ModalityKind::table, .features = 128}};
  c.encoders = {default_encoder(ModalityKind::table)};
  c.encoders[0].hidden = {128, 128};
  c.embed_dim = 128;
  c.fusion = "table";
  return c;
}

struct StepOptions {
  bool table_only = false;
  Device device = {};
  DType compute = DType::f32;  // bf16: on a GPU only
};

class StepWorkload {
 public:
  explicit StepWorkload(std::int64_t batch_size, const StepOptions& how = {})
      : config_(how.table_only ? table_config() : hybrid_config()),
        model_(config_, TaskKind::binary, 1, model_training(options_, config_), 1),
        inference_(inference_arena_, false),
        recorded_(recorded_arena_) {
    if (how.device.is_gpu()) {
      model_.parameters().move_to(how.device);
      if (how.compute == DType::bf16) model_.parameters().compute_in(DType::bf16);
      optimizer_ = std::make_unique<Optimizer>(model_.parameters(), options_);
      gpu_step_ = std::make_unique<GpuStep>(model_, *optimizer_, options_);
      gpu_step_->begin(0, {1e-4f});
    } else {
      trainer_ = std::make_unique<Trainer>(model_, options_);
    }
    for (std::uint32_t seed = 1; seed <= 8; ++seed) {
      BatchPlan plan{.inputs = config_.inputs, .available = {}, .seed = seed};
      const auto draws = random_integers<unsigned>(3 * batch_size, seed, 5);
      for (std::size_t i = 0; i < draws.size(); i += 3) {
        const unsigned mask = (draws[i] != 0) | (draws[i + 1] != 0) << 1 | (draws[i + 2] != 0) << 2;
        plan.available.push_back(static_cast<ModalityMask>(how.table_only || mask == 0 ? 1 : mask));
      }
      batches_.emplace_back(plan);
    }
  }

  std::int64_t parameter_count() const { return model_.parameters().parameter_count(); }

  // Forward, backward, L2, Adam. On a GPU: enqueued, the batch carried over from the host included.
  void train() {
    if (gpu_step_) {
      gpu_step_->submit(next(), whole_step);
      gpu_step_->collect(false);
      return;
    }
    trainer_->accumulate(next(), true);
    trainer_->update(1e-4);
  }
  // Waits for what was enqueued.
  void finish() {
    if (gpu_step_) gpu_step_->collect(true);
  }
  // The rest is for the CPU.
  // Forward with everything that training adds, losses and their gradients included, without backward.
  double forward() {
    recorded_.reset();
    const Batch& batch = next();
    return model_.loss(recorded_, context(batch, true), batch).evaluate().total();
  }
  // Logits of a batch.
  const float* infer() {
    inference_.reset();
    const Batch& batch = next();
    return model_.forward(inference_, context(batch, false), batch).logits.data.as<float>();
  }

 private:
  StepContext context(const Batch& batch, bool training) const {
    return {.training = training,
            .seed = 1,
            .step = &step_,
            .rows = reinterpret_cast<const std::uint32_t*>(batch.rows.as<std::int32_t>())};
  }
  const Batch& next() { return batches_[turn_++ % batches_.size()].batch; }

  const ModelConfig config_;
  const TrainOptions options_;  // the documented defaults: adam, l2 1e-4, alignment 0.01, modality_keep 0.8
  MultimodalModel model_;
  std::unique_ptr<Trainer> trainer_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<GpuStep> gpu_step_;
  Arena inference_arena_, recorded_arena_;
  Tape inference_, recorded_;
  std::deque<SyntheticBatch> batches_;
  std::size_t turn_ = 0;
  std::uint32_t step_ = 0;
};

}  // namespace plait::bench
