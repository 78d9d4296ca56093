// Training one model on one split of a cohort: preprocessing fitted on the training part, loaders, model, trainer. The
// `train` command and cross-validation both call this.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/train/trainer.h"
#include "fusion/model.h"
#include "io/data/dataset.h"
#include "io/data/split.h"
#include "study/config.h"
#include "study/distribution.h"

namespace plait {

struct TrainedModel {
  RunConfig config;  // resolved: encoders and input shapes filled in
  Preprocess fit;
  std::unique_ptr<MultimodalModel> model;
};

// The network's inputs as the preprocessing leaves them.
std::vector<InputShape> input_shapes(const Preprocess& fit);

// The untrained model of a configuration, its parameters drawn from train.seed. for_training: what an optimizer keeps
// of it must find room as well; a model that the machine cannot hold is a device error.
TrainedModel build_model(const RunConfig& config, const Preprocess& fit, bool for_training = true);

struct Training;

struct TrainingHooks {  // each may be empty
  // Before the first step; `notes`: what the user should know about this training.
  std::function<void(const TrainedModel&, const Training&, const std::vector<std::string>& notes)> built;
  std::function<void(const std::string& modality, const EpochRecord&, std::int64_t epochs)> pretrained;  // an epoch
  std::function<void(const EpochRecord&)> epoch_done;
  std::function<void(const StepRecord&)> step_done;
  std::function<bool()> stop;  // true: checkpoint and end
  // On a GPU: where its batches come from (ResidentCohort::summary), before the first step and when that changes.
  std::function<void(const std::string&)> batches = {};
};

struct TrainingCheckpoints {
  std::filesystem::path root;
  bool resume = false;
  std::function<std::string()> log;  // what a checkpoint keeps of the log; may be empty
  // A run goes on from there (null: it starts anew), with the log that was kept; `damaged`: checkpoints that were
  // passed over.
  std::function<void(const TrainState*, const std::string& log, const std::vector<std::string>& damaged)> restored;
};

struct Training {
  TrainedModel trained;
  TrainResult result;
  // Labelled patients of the part on whom the model does not abstain: those it learns from and is validated on.
  std::int64_t training_patients = 0, validation_patients = 0;
  std::string batches;  // as TrainingHooks::batches was told last; on the CPU empty
  Distribution distribution;
  std::size_t optimizer_bytes = 0, sum_bytes = 0;  // a rank's: the optimizer's state, sums of other parts
};

struct TrainingOptions {
  std::optional<std::filesystem::path> init = {};  // a model.safetensors whose parameters replace the initial ones
  std::optional<TrainingCheckpoints> checkpoints = {};
  Device device = {};    // where the model is trained, and stays
  bool resident = true;  // on a GPU: the cohort goes there, where it has room; the bits are the same without
  // The ranks it is trained on: each calls train_model() with the same arguments and gets the same result. The first
  // one alone writes checkpoints.
  Communicator* ranks = nullptr;
  Communicator* device_ranks = nullptr;  // the same ranks, each on its device: where several compute on one
  bool fast = false;                     // study/distribution.h
  Trace* trace = nullptr;
};

Training train_model(const RunConfig& config, const Cohort& cohort, const Split& split, const TrainingHooks& hooks,
                     const TrainingOptions& options = {});

}  // namespace plait
