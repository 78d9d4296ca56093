#include "study/pretraining.h"

#include <algorithm>

#include "io/data/loader.h"

namespace plait {
namespace {

class Reconstruction : public Objective {
 public:
  Reconstruction(MultimodalModel& model, int modality) : model_(model), modality_(modality) {}
  ParameterStore& parameters() override { return model_.parameters(); }
  DataLosses loss(Tape& tape, const StepContext& context, const Batch& batch) override {
    return {.reconstruction = model_.reconstruct(tape, context, batch, modality_)};
  }

 private:
  MultimodalModel& model_;
  int modality_;
};

bool reads(const MultimodalModel& model, int modality) {
  if (model.config().fusion == "early") return false;
  return model.only_modality() < 0 || model.only_modality() == modality;
}

}  // namespace

Pretraining pretrain(MultimodalModel& model, const TrainOptions& options, const Dataset& dataset,
                     std::span<const std::int64_t> patients, const PretrainingHooks& hooks) {
  const ModelConfig& config = model.config();
  Pretraining outcome = Pretraining::none;
  for (std::size_t m = 0; m < config.encoders.size(); ++m) {
    const int modality = static_cast<int>(m);
    const EncoderConfig& encoder = config.encoders[m];
    if (encoder.type != EncoderType::dae || encoder.pretrain_epochs == 0 || !reads(model, modality)) continue;
    std::vector<std::int64_t> have;
    for (const std::int64_t patient : patients)
      if (has_modality(dataset.available(patient), modality)) have.push_back(patient);
    if (have.empty()) continue;

    TrainOptions pretraining = options;
    pretraining.epochs = encoder.pretrain_epochs;
    pretraining.l2 = 0.0;  // it would shrink the parameters that do not take part
    pretraining.patience = 0;
    pretraining.seed = options.seed + 0x9e3779b97f4a7c15ull;  // corruption and order differ from the training's
    Loader loader(dataset, have,
                  {.batch_size = options.batch_size,
                   .shuffle = options.shuffle,
                   .seed = pretraining.seed,
                   .accumulate = options.accumulate,
                   .parts = hooks.distribution.parts,
                   .resident = hooks.resident,
                   .trace = hooks.trace});
    Reconstruction objective(model, modality);
    Trainer trainer(objective, pretraining, hooks.distribution);
    TrainHooks train_hooks{
        .validate = {}, .epoch_done = {}, .step_done = {}, .stop = hooks.stop, .checkpoint = {}, .trace = hooks.trace};
    train_hooks.make_room = [&] {
      if (hooks.resident == nullptr || !hooks.resident->there()) return false;
      loader.pack_on_host();
      hooks.resident->release();
      return true;
    };
    if (hooks.epoch_done)
      train_hooks.epoch_done = [&](const EpochRecord& record) {
        hooks.epoch_done(config.inputs[m].name, record, pretraining.epochs);
      };
    if (trainer.run(loader, train_hooks).interrupted) return Pretraining::interrupted;
    outcome = Pretraining::done;
  }
  return outcome;
}

}  // namespace plait
