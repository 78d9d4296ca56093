#include "study/training.h"

#include <algorithm>
#include <cmath>

#include "engine/comm/agreement.h"
#include "engine/error.h"
#include "engine/metrics/metric_set.h"
#include "io/checkpoint.h"
#include "io/data/loader.h"
#include "io/text_file.h"
#include "study/model_file.h"
#include "study/prediction.h"
#include "study/pretraining.h"
#include "study/run.h"
#include "study/stacking.h"
#include "study/survival/full_batch.h"
#include "study/train_checkpoint.h"

namespace plait {
namespace {

Validation validate(const MultimodalModel& model, const Dataset& dataset, std::span<const std::int64_t> patients,
                    const PredictOptions& options) {
  const PatientPredictions predictions = predict(model, dataset, patients, options);
  Validation validation{.loss = predictions.task_loss, .metrics = {}};
  if (!std::isfinite(validation.loss)) return validation;  // no metric of it means anything; the trainer ends the run
  // On the host, wherever the model is: the probabilities are here already, and one sort serves AUC and AUPRC, so that
  // an AUC of the device (kernels/auc.h) would come on top of it. Its ties are also those of float logits, these those
  // of probabilities, which saturate.
  for (const NamedMetric& metric : compute_metrics(scored(predictions, dataset).predictions))
    if (metric.value) validation.metrics.emplace_back(metric.name, *metric.value);
  return validation;
}

// Those of a part whom the model can learn from: labelled, with a modality that it reads.
std::vector<std::int64_t> trainable(const MultimodalModel& model, const Dataset& dataset,
                                    const std::vector<std::int64_t>& part) {
  std::vector<std::int64_t> patients;
  for (const std::int64_t patient : part)
    if (dataset.labelled(patient) && !model.abstains(dataset.available(patient))) patients.push_back(patient);
  return patients;
}

}  // namespace

std::vector<InputShape> input_shapes(const Preprocess& fit) {
  std::vector<InputShape> inputs;
  for (const ModalityFit& modality : fit.modalities)
    inputs.push_back({.name = modality.name,
                      .kind = modality.kind,
                      .features = modality.features(),
                      .height = modality.height,
                      .width = modality.width,
                      .channels = modality.channels});
  return inputs;
}

TrainedModel build_model(const RunConfig& config, const Preprocess& fit, bool for_training) {
  TrainedModel trained{.config = config, .fit = fit, .model = nullptr};
  trained.config.model.inputs = input_shapes(fit);
  ModelTraining training = model_training(config.train, trained.config.model);
  if (!for_training) training.buffers = ModelTraining{}.buffers;
  trained.model = std::make_unique<MultimodalModel>(trained.config.model, fit.target.task, fit.target.outputs(),
                                                    training, config.train.seed);
  return trained;
}

namespace {

// The same for the same configuration, cohort, split and initial weights. What no bit depends on does not matter: the
// number of threads and of ranks, how often checkpoints are written, how ranks share the work of a part.
std::string run_identity(const RunConfig& config, const TrainedModel& trained, const Cohort& cohort, const Split& split,
                         const TrainingOptions& options) {
  RunConfig same = config;
  same.train.threads = 0;
  same.train.checkpoint_every = 1;
  same.distributed = {.shards = config.distributed.shards, .gradient_dtype = config.distributed.gradient_dtype};
  std::string text =
      config_toml(same) + preprocess_to_json(trained.fit) + split_to_json(cohort, split) + cohort_fingerprint(cohort);
  if (options.init) text += read_text_file(*options.init, std::size_t{1} << 32, ExitCode::storage);
  return checksum_text(text);
}

std::vector<std::string> notes_on(const RunConfig& config, const Cohort& cohort, const Split& split,
                                  const Training& training) {
  std::vector<std::string> notes;
  const auto left_out = [&](std::size_t part, std::int64_t used, const char* what) {
    const auto count = static_cast<std::int64_t>(part) - used;
    if (count > 0)
      notes.push_back(std::to_string(count) + (count == 1 ? " patient of the " : " patients of the ") + what +
                      (count == 1 ? " part has" : " part have") +
                      " nothing that the model reads, or no label: left out");
  };
  left_out(split.train.size(), training.training_patients, "training");
  left_out(split.validation.size(), training.validation_patients, "validation");
  for (const ModalityFit& fit : training.trained.fit.modalities) {
    const ModalityData* data = cohort.find_modality(fit.name);
    if (fit.kind != ModalityKind::expression || !fit.read || data == nullptr) continue;
    const std::int64_t genes = std::ssize(data->columns);
    if (config.preprocess.genes > genes)
      notes.push_back("preprocess.genes = " + std::to_string(config.preprocess.genes) + ", but " + fit.name + " has " +
                      std::to_string(genes) + ": none is left out for it");
  }
  if (training.validation_patients == 0 && config.train.patience > 0)
    notes.push_back("nobody to validate on: no early stopping, the last epoch is kept");
  if (cohort.task == TaskKind::survival)
    notes.push_back("survival is trained on full batches, whatever train.batch_size says: the " +
                    std::to_string(config.train.epochs) + " steps of train.epochs, one an epoch");
  else if (training.training_patients <= config.train.batch_size && config.train.accumulate == 1)
    notes.push_back("one step an epoch: for a cohort this small a smaller train.batch_size learns more in an epoch");
  return notes;
}

// Bytes that a pretraining's optimizer will take on the device.
std::size_t pretraining_bytes(const MultimodalModel& model, const TrainOptions& options) {
  const std::vector<EncoderConfig>& encoders = model.config().encoders;
  const bool pretrains = std::any_of(encoders.begin(), encoders.end(),
                                     [](const EncoderConfig& encoder) { return encoder.pretrain_epochs > 0; });
  const std::size_t moments = options.optimizer == OptimizerKind::sgd ? 1 : 2;
  return pretrains ? moments * model.parameters().flat_bytes() : 0;
}

// Work without a collective in it. What fails on one rank ends all of them with the same error.
void in_step(Communicator* ranks, const std::function<void()>& work) {
  if (ranks != nullptr && ranks->size() > 1)
    together(*ranks, work);
  else
    work();
}

// Ranks that do not see the same checkpoints would go on from different steps.
void require_same_start(Communicator* ranks, const std::optional<TrainCheckpoints::Restored>& restored) {
  if (ranks == nullptr || ranks->size() == 1) return;
  std::vector<std::int64_t> steps(static_cast<std::size_t>(ranks->size()));
  steps[static_cast<std::size_t>(ranks->rank())] = restored ? restored->state.step : -1;
  ranks->all_gather(steps.data(), one_each(ranks->size()), sizeof steps[0], nullptr).wait();
  const auto odd = std::find_if(steps.begin(), steps.end(), [&](std::int64_t step) { return step != steps[0]; });
  if (odd == steps.end()) return;
  const auto checkpoint_of = [](std::int64_t step) {
    return step < 0 ? std::string("no checkpoint") : "the checkpoint of step " + std::to_string(step);
  };
  throw AgreedError(ExitCode::storage, "rank " + std::to_string(odd - steps.begin()) + " finds " + checkpoint_of(*odd) +
                                           ", rank 0 " + checkpoint_of(steps[0]) +
                                           "; all ranks must see the same --out folder");
}

bool computes_in_bf16(const RunConfig& config) {
  return config.train.precision == "bf16";
}

bool stacks(const RunConfig& config) {
  return config.model.fusion == "late" && config.model.late_mean == LateMean::stacked;
}

// What a training is made of, beside the model.
struct SetUp {
  std::optional<Dataset> dataset;
  std::vector<std::int64_t> patients, validation;
  LoaderOptions loading;
  std::optional<Trainer> trainer;
};

void set_up(SetUp& made, Training& training, const RunConfig& config, const Cohort& cohort, const Split& split,
            const TrainingOptions& options) {
  const bool survival = cohort.task == TaskKind::survival;
  if (survival) require_survival_settings(config, options.ranks != nullptr ? options.ranks->size() : 1);
  training.distribution = distribution_of(config.distributed, options.ranks, options.device_ranks, options.fast);
  training.trained = build_model(config, fit_preprocess(cohort, split.train, config.preprocess));
  MultimodalModel& model = *training.trained.model;
  const bool bf16 = computes_in_bf16(config);
  if (bf16 && !options.device.is_gpu())
    fail_usage("train.precision = \"bf16\" needs a GPU (--device gpu, or simt to try it); on the CPU use \"fp32\"");
  model.parameters().move_to(options.device);
  if (bf16) model.parameters().compute_in(DType::bf16);
  const Dataset& dataset = made.dataset.emplace(cohort, training.trained.fit);
  made.patients = trainable(model, dataset, split.train);
  made.validation = trainable(model, dataset, split.validation);
  if (made.patients.empty())
    fail_usage("no patient of the training part has what model.fusion = \"" + config.model.fusion + "\" reads");
  if (stacks(config) && made.validation.empty())
    fail_usage("model.late_mean = \"stacked\" is fitted on the validation part, and there is nobody in it");
  training.training_patients = std::ssize(made.patients);
  training.validation_patients = std::ssize(made.validation);
  made.loading = {.batch_size = config.train.batch_size,
                  .shuffle = config.train.shuffle,
                  .seed = config.train.seed,
                  .accumulate = config.train.accumulate,
                  .parts = training.distribution.parts,
                  .trace = options.trace};
  if (survival) {
    order_by_time(made.patients, dataset, "training");
    order_by_time(made.validation, dataset, "validation");
    made.loading.batch_size = training.training_patients;
    made.loading.shuffle = false;
  }
  if (config.train.balanced_class_weights) made.loading.weights = balanced_weights(dataset, made.patients);
  Trainer& trainer = made.trainer.emplace(model, config.train, training.distribution);
  training.optimizer_bytes = trainer.optimizer_bytes();
  training.sum_bytes = trainer.sum_bytes();
}

// What comes before the first epoch.
Pretraining start(MultimodalModel& model, const RunConfig& config, const Dataset& dataset,
                  const std::vector<std::int64_t>& patients, const Distribution& distribution,
                  const TrainingHooks& hooks, const TrainingOptions& options, ResidentCohort* resident) {
  in_step(options.ranks, [&] {
    if (!options.init) return;
    read_parameters(*options.init, model.parameters());
    model.parameters().upload();
  });
  return pretrain(model, config.train, dataset, patients,
                  {.epoch_done = hooks.pretrained,
                   .stop = hooks.stop,
                   .resident = resident,
                   .trace = options.trace,
                   .distribution = distribution});
}

}  // namespace

Training train_model(const RunConfig& config, const Cohort& cohort, const Split& split, const TrainingHooks& hooks,
                     const TrainingOptions& options) {
  Training training;
  SetUp made;
  in_step(options.ranks, [&] { set_up(made, training, config, cohort, split, options); });
  MultimodalModel& model = *training.trained.model;
  const Dataset& dataset = *made.dataset;
  const std::vector<std::int64_t>&patients = made.patients, &validation = made.validation;
  LoaderOptions& loading = made.loading;
  Trainer& trainer = *made.trainer;
  if (hooks.built) hooks.built(training.trained, training, notes_on(config, cohort, split, training));
  std::optional<ResidentCohort> resident;
  const auto tell = [&] {
    training.batches = resident->summary();
    if (hooks.batches) hooks.batches(training.batches);
  };
  if (options.device.is_gpu() && options.resident) {
    const Phase phase(options.trace, "upload cohort");
    resident.emplace(options.device, dataset.sources(), pretraining_bytes(model, config.train));
    loading.resident = &*resident;
    tell();
  }
  TrainHooks train_hooks{.validate = {},
                         .epoch_done = hooks.epoch_done,
                         .step_done = hooks.step_done,
                         .stop = hooks.stop,
                         .checkpoint = {},
                         .trace = options.trace};

  std::optional<TrainCheckpoints> checkpoints;
  std::optional<TrainCheckpoints::Restored> restored;
  if (options.checkpoints) {
    const std::string identity = run_identity(config, training.trained, cohort, split, options);
    checkpoints.emplace(options.checkpoints->root, identity, model.parameters(), trainer);
    std::vector<std::string> damaged;
    in_step(options.ranks, [&] {
      if (options.checkpoints->resume) restored = checkpoints->restore(damaged);
      if (restored && restored->state.epoch > config.train.epochs)
        fail_storage(options.checkpoints->root.string() + ", step " + std::to_string(restored->state.step) +
                     ": \"epoch\" is beyond train.epochs; remove the folder to start anew");
    });
    require_same_start(options.ranks, restored);
    if (options.checkpoints->restored && (restored || !damaged.empty()))
      options.checkpoints->restored(restored ? &restored->state : nullptr, restored ? restored->log : "", damaged);
    if (options.ranks == nullptr || options.ranks->rank() == 0)
      train_hooks.checkpoint = [&](const TrainState& state) { checkpoints->save(state, options.checkpoints->log()); };
    else
      train_hooks.checkpoint = [](const TrainState&) {};  // the first rank's holds all
  }
  if (!restored) {
    const Pretraining pretraining =
        start(model, config, dataset, patients, training.distribution, hooks, options, resident ? &*resident : nullptr);
    if (resident && resident->summary() != training.batches) tell();
    training.result.interrupted = pretraining == Pretraining::interrupted;
    if (training.result.interrupted) return training;
    if (pretraining == Pretraining::done && train_hooks.checkpoint) train_hooks.checkpoint({});  // not to be done again
  }
  Loader loader(dataset, patients, loading);
  train_hooks.make_room = [&] {
    if (!resident || !resident->there()) return false;
    loader.pack_on_host();
    resident->release();
    tell();
    return true;
  };
  const auto validate_now = [&] {
    return validate(model, dataset, validation,
                    {.loss_weights = loading.weights,
                     .resident = loading.resident,
                     .trace = options.trace,
                     .ranks = options.ranks});
  };
  if (!validation.empty())
    train_hooks.validate = [&] {
      try {
        return validate_now();
      } catch (const OutOfMemory&) {
        if (!train_hooks.make_room()) throw;
        return validate_now();
      }
    };
  training.result = trainer.run(loader, train_hooks, restored ? &restored->state : nullptr);
  if (stacks(config) && !training.result.interrupted) {
    model.parameters().move_to(Device{});  // a small fit on the CPU, behind one pass over the validation part
    stack_towers(model, dataset, validation);
    model.parameters().move_to(options.device);
    if (computes_in_bf16(config)) model.parameters().compute_in(DType::bf16);
  }
  return training;
}

}  // namespace plait
