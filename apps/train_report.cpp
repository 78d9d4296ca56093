#include "apps/train_report.h"

#include <fmt/format.h>

#include <cstdio>

#include "apps/counted.h"
#include "apps/evaluation_text.h"
#include "apps/version.h"
#include "engine/comm/communicator.h"
#include "io/data/cohort.h"
#include "study/evaluation.h"
#include "study/run.h"

namespace plait {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> modality_names(const Preprocess& fit) {
  std::vector<std::string> names;
  for (const ModalityFit& modality : fit.modalities) names.push_back(modality.name);
  return names;
}

// "ehr 177, image 183": how many patients of the training part have each modality that the model reads.
std::string modality_counts(const TrainedModel& trained, const Cohort& cohort, const Split& split) {
  std::vector<std::string> counts;
  for (std::size_t m = 0; m < trained.fit.modalities.size(); ++m)
    if (trained.fit.modalities[m].read)
      counts.push_back(
          fmt::format("{} {}", trained.fit.modalities[m].name, patients_with(cohort, split.train, m).size()));
  return fmt::format("{}", fmt::join(counts, ", "));
}

// Nothing for one rank that computes whole batches.
void print_distribution(const Training& training, std::size_t buffer_bytes) {
  const Distribution& how = training.distribution;
  if (how.alone()) return;
  const auto mib = [](std::size_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
  const int ranks = how.ranks != nullptr ? how.ranks->size() : 1;
  fmt::print(
      "{}, {} of a batch on each, {}{}; a rank holds {:.1f} MiB of the optimizer's state and {:.1f} MiB of sums "
      "(a copy of the parameters: {:.1f} MiB)\n",
      counted(ranks, "rank"), counted(how.parts.own, "part"),
      how.tree ? "the same result on any number of ranks" : "plain sums (--fast)",
      how.bf16_gradients ? ", gradients in bf16" : "", mib(training.optimizer_bytes), mib(training.sum_bytes),
      mib(buffer_bytes));
}

}  // namespace

Json epoch_json(const EpochRecord& record) {
  Json line = {{"epoch", record.epoch},
               {"step", record.step},
               {"train_loss", record.train.total()},
               {"task", record.train.task},
               {"l2", record.train.l2},
               {"align", record.train.align},
               {"reconstruction", record.train.reconstruction},
               {"learning_rate", record.learning_rate}};
  if (record.validated) {
    line["val_loss"] = record.validation.loss;
    for (const auto& [name, value] : record.validation.metrics) line["val_" + name] = value;
  }
  line["patients_per_s"] = record.patients_per_s;
  return line;
}

Json summary_json(const TrainCommand& options, const Cohort& cohort, const Split& split, const Training& training,
                  const std::string& device) {
  const RunConfig& config = training.trained.config;
  const Dataset dataset(cohort, training.trained.fit);
  const std::vector<std::string> names = modality_names(training.trained.fit);
  Json summary = {
      {"plait", version},
      {"cohort", {{"name", cohort.name}, {"patients", cohort.patients()}, {"fingerprint", cohort_fingerprint(cohort)}}},
      {"task", task_name(cohort.task)},
      {"fusion", config.model.fusion},
      {"parameters", training.trained.model->parameters().parameter_count()},
      {"patients",
       {{"train", split.train.size()},
        {"trained_on", training.training_patients},
        {"validation", split.validation.size()},
        {"test", split.test.size()}}},
      {"seed", config.train.seed},
      {"device", device},
      {"batches", training.batches.empty() ? "packed by the host" : training.batches},
      {"leakage_allowed", options.allow_leakage},
      {"initial_weights", options.init.empty() ? "drawn" : "given"},
      {"epochs", training.result.epochs},
      {"best_epoch", training.result.best_epoch},
      {"stopped_early", training.result.stopped_early},
      {"steps", training.result.steps},
      {"seconds", training.result.seconds},
      {"patients_per_s", training.result.patients_per_s}};
  for (const auto& [part, patients] : {std::pair{"validation", &split.validation}, std::pair{"test", &split.test}}) {
    if (patients->empty()) continue;
    summary[part] = evaluation_json(evaluate(*training.trained.model, dataset, *patients, 0, config.train.seed), names);
  }
  return summary;
}

ProgressState epoch_state(const EpochRecord& record, std::int64_t epochs) {
  ProgressState state{.epoch = record.epoch, .epochs = epochs, .step = 1, .steps = 1, .loss = record.train.total()};
  state.patients_per_s = record.patients_per_s;
  if (record.validated) state.validation_loss = record.validation.loss;
  if (!record.validated || record.validation.metrics.empty()) return state;
  state.metric = "val_" + record.validation.metrics[0].first;
  state.value = record.validation.metrics[0].second;
  return state;
}

void print_plan(const TrainedModel& trained, const Training& training, const Cohort& cohort, const Split& split,
                const std::string& device, const std::vector<std::string>& notes) {
  fmt::print("{} model, {}, on {}\n", trained.config.model.fusion,
             counted(trained.model->parameters().parameter_count(), "parameter"), device);
  if (trained.config.model.fusion == "early") {
    const EarlyWidth width = early_width(trained.config.model, trained.model->task(), trained.model->outputs());
    fmt::print("one MLP with {} hidden units: {} parameters, the hybrid model of this configuration has {}\n",
               width.hidden, width.parameters, width.hybrid_parameters);
  }
  fmt::print("{} to train on, {} to validate, {} untouched for the test\n",
             counted(training.training_patients, "patient"), training.validation_patients, split.test.size());
  fmt::print("modalities of the training part: {}\n", modality_counts(trained, cohort, split));
  print_distribution(training, trained.model->parameters().flat_bytes());
  for (const std::string& note : notes) fmt::print("note: {}\n", note);
  std::fflush(stdout);
}

void print_restored(const TrainState* state, const std::vector<std::string>& damaged) {
  for (const std::string& what : damaged) fmt::print(stderr, "plait: passed over a damaged checkpoint: {}\n", what);
  if (state == nullptr)
    fmt::print("no sound checkpoint: starting anew\n");
  else if (state->step == 0)
    fmt::print("going on after the pretraining\n");
  else
    fmt::print("going on after {} and {}\n", counted(state->epoch, "epoch"), counted(state->step, "step"));
  std::fflush(stdout);
}

}  // namespace plait
