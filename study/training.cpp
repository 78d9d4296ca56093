#include "study/training.h"

#include <cmath>

#include "engine/error.h"
#include "engine/metrics/metric_set.h"
#include "io/data/loader.h"
#include "study/model_file.h"
#include "study/prediction.h"

namespace plait {
namespace {

Validation validate(const MultimodalModel& model, const Dataset& dataset, std::span<const std::int64_t> patients) {
  const PatientPredictions predictions = predict(model, dataset, patients);
  Validation validation{.loss = predictions.task_loss, .metrics = {}};
  if (!std::isfinite(validation.loss)) return validation;  // no metric of it means anything; the trainer ends the run
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

TrainedModel build_model(const RunConfig& config, const Preprocess& fit) {
  TrainedModel trained{.config = config, .fit = fit, .model = nullptr};
  trained.config.model.inputs = input_shapes(fit);
  trained.model =
      std::make_unique<MultimodalModel>(trained.config.model, fit.target.task, fit.target.outputs(),
                                        model_training(config.train, trained.config.model), config.train.seed);
  return trained;
}

Training train_model(const RunConfig& config, const Cohort& cohort, const Split& split, const TrainingHooks& hooks,
                     const std::optional<std::filesystem::path>& init) {
  Training training;
  training.trained = build_model(config, fit_preprocess(cohort, split.train, config.preprocess));
  MultimodalModel& model = *training.trained.model;
  if (init) read_parameters(*init, model.parameters());
  const Dataset dataset(cohort, training.trained.fit);
  const std::vector<std::int64_t> patients = trainable(model, dataset, split.train);
  if (patients.empty())
    fail_usage("no patient of the training part has what model.fusion = \"" + config.model.fusion + "\" reads");
  training.training_patients = static_cast<std::int64_t>(patients.size());
  if (hooks.built) hooks.built(training.trained, training.training_patients);

  LoaderOptions options{.batch_size = config.train.batch_size,
                        .shuffle = config.train.shuffle,
                        .seed = config.train.seed,
                        .accumulate = config.train.accumulate};
  if (config.train.balanced_class_weights) options.weights = balanced_weights(dataset, patients);
  Loader loader(dataset, patients, options);
  Trainer trainer(model, config.train);
  TrainHooks train_hooks{.validate = {}, .epoch_done = hooks.epoch_done, .step_done = hooks.step_done};
  if (!split.validation.empty()) train_hooks.validate = [&] { return validate(model, dataset, split.validation); };
  training.result = trainer.run(loader, train_hooks);
  return training;
}

}  // namespace plait
