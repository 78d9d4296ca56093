// Training one model on one split of a cohort: preprocessing fitted on the training part, loaders, model, trainer. The
// `train` command and cross-validation both call this.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "engine/train/trainer.h"
#include "fusion/model.h"
#include "io/data/dataset.h"
#include "io/data/split.h"
#include "study/config.h"

namespace plait {

struct TrainedModel {
  RunConfig config;  // resolved: encoders and input shapes filled in
  Preprocess fit;
  std::unique_ptr<MultimodalModel> model;
};

// The network's inputs as the preprocessing leaves them.
std::vector<InputShape> input_shapes(const Preprocess& fit);

// The untrained model of a configuration, its parameters drawn from train.seed.
TrainedModel build_model(const RunConfig& config, const Preprocess& fit);

struct TrainingHooks {
  std::function<void(const TrainedModel&, std::int64_t training_patients)>
      built;  // before the first step; may be empty
  std::function<void(const EpochRecord&)> epoch_done;
  std::function<void(const StepRecord&)> step_done;
};

struct Training {
  TrainedModel trained;
  TrainResult result;
  std::int64_t training_patients = 0;  // labelled patients of the training part on whom the model does not abstain
};

// init: a model.safetensors whose parameters replace the initial ones.
Training train_model(const RunConfig& config, const Cohort& cohort, const Split& split, const TrainingHooks& hooks,
                     const std::optional<std::filesystem::path>& init = std::nullopt);

}  // namespace plait
