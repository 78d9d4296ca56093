// The pretrain-then-finetune mode of denoising autoencoders (Vincent et al. 2010): before the model learns its task,
// every autoencoder with pretrain_epochs > 0 learns to reconstruct, on the training patients who have its modality.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "engine/train/resident_cohort.h"
#include "engine/train/trainer.h"
#include "fusion/model.h"
#include "io/data/dataset.h"

namespace plait {

struct PretrainingHooks {  // each may be empty
  std::function<void(const std::string& modality, const EpochRecord&, std::int64_t epochs)> epoch_done;
  std::function<bool()> stop = {};     // asked after every optimizer step: true ends it there
  ResidentCohort* resident = nullptr;  // the dataset's measurements on the device; released where a step needs the room
  Trace* trace = nullptr;
  Distribution distribution = {};  // of the training that follows
};

enum class Pretraining { none, done, interrupted };

// The optimizer, learning rate and batch size of `options`, without L2, early stopping and class weights. Labels are
// not looked at. Modalities that the model does not read are left alone.
Pretraining pretrain(MultimodalModel& model, const TrainOptions& options, const Dataset& dataset,
                     std::span<const std::int64_t> patients, const PretrainingHooks& hooks);

}  // namespace plait
