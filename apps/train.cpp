#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>

#include "apps/command.h"
#include "apps/counted.h"
#include "apps/device.h"
#include "apps/evaluation_text.h"
#include "apps/metrics_log.h"
#include "apps/ranks.h"
#include "apps/stop_signal.h"
#include "apps/version.h"
#include "engine/comm/agreement.h"
#include "engine/comm/launcher.h"
#include "engine/error.h"
#include "io/atomic_file.h"
#include "io/checkpoint.h"
#include "io/progress.h"
#include "io/run_folder.h"
#include "io/text_file.h"
#include "io/trace_file.h"
#include "study/evaluation.h"
#include "study/model_file.h"
#include "study/model_json.h"
#include "study/run.h"

namespace plait {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* fit_name = "preprocessing, fitted on the cohort's values,";

RunConfig configuration(const TrainCommand& options) {
  std::vector<InputShape> modalities;
  for (const ModalityName& entry : cohort_modalities(options.cohort))
    modalities.push_back({.name = entry.name, .kind = entry.kind});
  std::optional<std::filesystem::path> file;
  if (!options.config.empty()) file = options.config;
  RunConfig config = load_config(modalities, file, options.sets);
  require_supported(config);
  return config;
}

// One line of metrics.jsonl. train_loss = task + l2 + align + reconstruction, each with its coefficient.
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

std::vector<std::string> modality_names(const Preprocess& fit) {
  std::vector<std::string> names;
  for (const ModalityFit& modality : fit.modalities) names.push_back(modality.name);
  return names;
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

// The validation loss, which early stopping watches, and the first validation metric; at the start of an epoch those of
// the one before: what the progress line shows.
ProgressState epoch_state(const EpochRecord& record, std::int64_t epochs) {
  ProgressState state{.epoch = record.epoch, .epochs = epochs, .step = 1, .steps = 1, .loss = record.train.total()};
  state.patients_per_s = record.patients_per_s;
  if (record.validated) state.validation_loss = record.validation.loss;
  if (!record.validated || record.validation.metrics.empty()) return state;
  state.metric = "val_" + record.validation.metrics[0].first;
  state.value = record.validation.metrics[0].second;
  return state;
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
      "{}, {} of a batch on each, {}; a rank holds {:.1f} MiB of the optimizer's state and {:.1f} MiB of sums "
      "(a copy of the parameters: {:.1f} MiB)\n",
      counted(ranks, "rank"), counted(how.parts.own, "part"),
      how.tree ? "the same result on any number of ranks" : "plain sums (--fast)", mib(training.optimizer_bytes),
      mib(training.sum_bytes), mib(buffer_bytes));
}

void print_plan(const TrainedModel& trained, const Training& training, const Cohort& cohort, const Split& split,
                const std::string& device, const std::vector<std::string>& notes) {
  fmt::print("{} model, {}, on {}\n", trained.config.model.fusion,
             counted(trained.model->parameters().parameter_count(), "parameter"), device);
  if (trained.config.model.fusion == "early") {
    const EarlyWidth width = early_width(trained.config.model, trained.model->outputs());
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

ExitCode interrupted_by(int signal) {
  return signal == SIGINT ? ExitCode::interrupted : ExitCode::terminated;
}

// What an interrupted run says: it is no error, but the exit code must tell.
[[noreturn]] void fail_interrupted(int signal, const TrainResult& result, const RunFolder& folder) {
  throw Error(
      interrupted_by(signal),
      fmt::format(
          "stopped by a signal after {} and {}; {}", counted(result.epochs, "epoch"), counted(result.steps, "step"),
          has_checkpoints(folder.checkpoints())
              ? "go on with the same command line and --resume (checkpoint in " + folder.checkpoints().string() + ")"
              : "nothing was written"));
}

// The same steps would come to the same end, so --resume alone is no advice.
std::string numeric_failure(const Error& error, const RunFolder& folder) {
  return fmt::format("{}; {}", error.what(),
                     has_checkpoints(folder.checkpoints())
                         ? "the checkpoints of before stay in " + folder.checkpoints().string() +
                               ": for other settings choose another --out, or remove " + folder.path().string()
                         : "nothing was written");
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

// What the training is told, the same on all ranks.
struct Inputs {
  RunConfig config;
  ChosenDevice device;
  Cohort cohort;
  Split split;
  std::string init;  // checksum of the initial weights, where they are given
};

Inputs read_inputs(const TrainCommand& options, const ProcessGroup& group, Trace* trace) {
  Inputs inputs{.config = configuration(options), .device = {}, .cohort = {}, .split = {}, .init = {}};
  const RunConfig& config = inputs.config;
  inputs.device = choose_device(options.device, threads_of_rank(group, config.train.threads));
  {
    const Phase phase(trace, "read cohort");
    inputs.cohort = read_cohort(
        options.cohort,
        {.for_training = true, .image_size = config.preprocess.image_size, .unread = config.preprocess.unread});
  }
  inputs.split = options.ids.empty()
                     ? make_split(inputs.cohort, config.train.test, config.train.validation, config.train.seed)
                     : read_split(options.ids, inputs.cohort);
  if (group.size() > 1 && !options.init.empty())
    inputs.init = checksum_text(read_text_file(options.init, std::size_t{1} << 32, ExitCode::storage));
  return inputs;
}

void require_same_inputs(ProcessGroup& group, const TrainCommand& options, const Inputs& inputs) {
  if (group.size() == 1) return;
  require_agreement(group, {{"program", program_fingerprint()},
                            {"configuration", config_toml(inputs.config) + (options.fast ? "fast" : "") +
                                                  (options.resume ? "resume" : "")},
                            {"output folder", RunFolder::path_of(options.out).string()},
                            {"kind of device", inputs.device.device.is_gpu() ? "gpu" : "cpu"},
                            {"cohort", cohort_contents(inputs.cohort)},
                            {"split", split_to_json(inputs.cohort, inputs.split)},
                            {"file of initial weights", inputs.init}});
}

// The watchdog's and the signals' view of a training.
class Watched {
 public:
  Watched(ProcessGroup& group, const TrainCommand& options, const RunConfig& config) : group_(group) {
    watch_stop_signals(group.size() > 1 ? SecondSignal::ignored : SecondSignal::ends);
    if (group.size() > 1)
      group.watch({.folder = RunFolder::path_of(options.out),
                   .collective_timeout_s = static_cast<double>(config.distributed.collective_timeout),
                   .step = [this] { return step_.load(); },
                   .terminating = [] { return stop_signal() != 0; }});
  }
  void step(const StepRecord& record) { step_ = record.step; }
  // A launcher sends SIGTERM to those who are left of a job: then there is nobody to checkpoint with.
  bool stop() const { return stop_signal() != 0 && !group_.peer_lost(); }

 private:
  ProcessGroup& group_;
  std::atomic<std::int64_t> step_{0};
};

TrainingOptions training_options(const TrainCommand& options, const Inputs& inputs, ProcessGroup& group) {
  TrainingOptions training{.device = inputs.device.device, .fast = options.fast};
  if (!options.init.empty()) training.init = options.init;
  if (group.size() > 1) training.ranks = &group.host();
  training.checkpoints = {
      .root = RunFolder::checkpoints_of(options.out), .resume = options.resume, .log = {}, .restored = {}};
  return training;
}

// A rank that computes and says nothing.
int train_silently(const TrainCommand& options, const Inputs& inputs, ProcessGroup& group) {
  Watched watched(group, options, inputs.config);
  TrainingHooks hooks;
  hooks.built = [&](const TrainedModel& trained, const Training&, const std::vector<std::string>&) {
    require_agreement(group, {{fit_name, preprocess_to_json(trained.fit)}});
  };
  hooks.step_done = [&](const StepRecord& record) { watched.step(record); };
  hooks.stop = [&] { return watched.stop(); };
  const Training training =
      train_model(inputs.config, inputs.cohort, inputs.split, hooks, training_options(options, inputs, group));
  return training.result.interrupted ? static_cast<int>(interrupted_by(stop_signal())) : 0;
}

int train_and_report(const TrainCommand& options, const Inputs& inputs, RunFolder& folder, TraceFile& trace_file,
                     ProcessGroup& group) {
  const RunConfig& config = inputs.config;
  const Cohort& cohort = inputs.cohort;
  const Split& split = inputs.split;
  const std::string& device = inputs.device.description;
  MetricsLog metrics(folder.path() / "metrics.jsonl");
  Progress progress(stdout, launch_environment().has_value());
  ProgressState shown;
  Watched watched(group, options, config);
  TrainingHooks hooks;
  hooks.built = [&](const TrainedModel& trained, const Training& training, std::vector<std::string> notes) {
    if (group.size() > 1) require_agreement(group, {{fit_name, preprocess_to_json(trained.fit)}});
    if (options.ids.empty() && config.train.test > 0.0 && split.test.empty())
      notes.insert(notes.begin(),
                   fmt::format("nobody is left for the test, although train.test = {}: too few patients, "
                               "or groups too large to divide",
                               config.train.test));
    print_plan(trained, training, cohort, split, device, notes);
  };
  hooks.pretrained = [&](const std::string& modality, const EpochRecord& record, std::int64_t epochs) {
    fmt::print("pretraining {}: epoch {}/{}  reconstruction {:.4f}\n", modality, record.epoch, epochs,
               record.train.reconstruction);
    std::fflush(stdout);
  };
  hooks.epoch_done = [&](const EpochRecord& record) {
    metrics.add(epoch_json(record).dump());
    shown = epoch_state(record, config.train.epochs);
    progress.epoch(shown);
  };
  hooks.step_done = [&](const StepRecord& record) {
    watched.step(record);
    ProgressState state = shown;
    state.epoch = record.epoch, state.epochs = config.train.epochs;
    state.step = record.batch, state.steps = record.batches;
    state.loss = record.loss, state.patients_per_s = record.patients_per_s;
    progress.step(state);
  };
  hooks.batches = [&](const std::string& how) {
    progress.finish();
    fmt::print("batches: {}\n", how);
    std::fflush(stdout);
  };
  hooks.stop = [&] { return watched.stop(); };
  TrainingOptions how = training_options(options, inputs, group);
  how.trace = trace_file.trace();
  how.checkpoints->log = [&] { return metrics.text(); };
  how.checkpoints->restored = [&](const TrainState* state, const std::string& log,
                                  const std::vector<std::string>& damaged) {
    print_restored(state, damaged);
    metrics.restart(log);
  };
  const Training training = [&] {
    try {
      return train_model(config, cohort, split, hooks, how);
    } catch (const AgreedError& error) {
      folder.share(false);
      if (error.code() != ExitCode::numeric) throw;
      throw AgreedError(ExitCode::numeric, numeric_failure(error, folder));
    } catch (const Error& error) {
      if (error.code() != ExitCode::numeric) throw;
      throw Error(ExitCode::numeric, numeric_failure(error, folder));
    }
  }();
  progress.finish();
  if (training.result.interrupted) {
    folder.share(false);  // all ranks are done with it
    fail_interrupted(stop_signal(), training.result, folder);
  }

  const TrainedModel& trained = training.trained;
  const ModelDescription description{
      .model = trained.config.model, .task = cohort.task, .outputs = trained.model->outputs()};
  write_model(folder.path() / "model.safetensors", trained.model->parameters(), model_to_json(description));
  write_text_file(folder.path() / "config.toml", config_toml(trained.config));
  write_text_file(folder.path() / "preprocess.json", preprocess_to_json(trained.fit));
  write_text_file(folder.path() / "split.json", split_to_json(cohort, split));
  const Json summary = [&] {
    const Phase phase(trace_file.trace(), "summary");
    return summary_json(options, cohort, split, training, device);
  }();
  write_text_file(folder.path() / "summary.json", summary.dump(2) + "\n");
  folder.commit();
  trace_file.write();
  fmt::print("{} in {:.1f} s ({:.0f} patients/s){}, parameters of epoch {} kept -> {}\n",
             counted(training.result.epochs, "epoch"), training.result.seconds, training.result.patients_per_s,
             training.result.stopped_early ? ", stopped early" : "", training.result.best_epoch,
             folder.target().string());
  return 0;
}

int train_on_ranks(const TrainCommand& options, ProcessGroup& group) {
  const bool first = group.rank() == 0;
  bool finished = false;
  std::optional<RunFolder> folder;
  std::optional<TraceFile> trace_file;
  Inputs inputs;
  on_first_rank(group, [&] { finished = options.resume && is_finished(options.out); });
  finished = group.size() > 1 ? any_rank(group.host(), finished) : finished;
  if (!finished) {
    // A mistake in the configuration must not cost a folder, nor a cohort's reading a wrong --out.
    together(group, [&] { require_divisible(configuration(options).distributed, group.size(), options.fast); });
    on_first_rank(group, [&] {
      folder.emplace(options.out, options.resume ? RunFolder::Start::resume : RunFolder::Start::fresh);
      trace_file.emplace(options.trace);
    });
    together(group, [&] { inputs = read_inputs(options, group, trace_file ? trace_file->trace() : nullptr); });
  }
  if (finished) {
    if (!first) return 0;
    remove_checkpoints(options.out);
    fmt::print("{} is finished already\n", options.out);
    return 0;
  }
  require_same_inputs(group, options, inputs);
  if (!first) return train_silently(options, inputs, group);
  folder->share(group.size() > 1);
  return train_and_report(options, inputs, *folder, *trace_file, group);
}

}  // namespace

int run_train(const TrainCommand& options) {
  const std::unique_ptr<ProcessGroup> group = ProcessGroup::join();
  return on_ranks(*group, [&] { return train_on_ranks(options, *group); });
}

}  // namespace plait
