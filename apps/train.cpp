#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <memory>

#include "apps/audit.h"
#include "apps/command.h"
#include "apps/counted.h"
#include "apps/device.h"
#include "apps/metrics_log.h"
#include "apps/ranks.h"
#include "apps/stop_signal.h"
#include "apps/train_report.h"
#include "engine/comm/agreement.h"
#include "engine/comm/device_communicator.h"
#include "engine/comm/device_of_rank.h"
#include "engine/comm/launcher.h"
#include "engine/error.h"
#include "io/atomic_file.h"
#include "io/checkpoint.h"
#include "io/progress.h"
#include "io/run_folder.h"
#include "io/text_file.h"
#include "io/trace_file.h"
#include "study/model_file.h"
#include "study/model_json.h"
#include "study/run.h"

namespace plait {
namespace {

constexpr const char* fit_name = "preprocessing, fitted on the cohort's values,";

RunConfig configuration(const TrainCommand& options) {
  std::vector<InputShape> modalities;
  for (const ModalityName& entry : cohort_modalities(options.cohort))
    modalities.push_back({.name = entry.name, .kind = entry.kind});
  std::optional<std::filesystem::path> file;
  if (!options.config.empty()) file = options.config;
  return load_config(modalities, file, options.sets);
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

// What the training is told, the same on all ranks.
struct Inputs {
  RunConfig config;
  ChosenDevice device;
  Cohort cohort;
  Split split;
  std::string init;  // checksum of the initial weights, where they are given
};

// Whether ranks exchange gradients from device to device.
bool on_devices(const ProcessGroup& group, const Inputs& inputs) {
  return group.size() > 1 && inputs.device.device.is_gpu();
}

Inputs read_inputs(const TrainCommand& options, const ProcessGroup& group, Trace* trace) {
  Inputs inputs{.config = configuration(options), .device = {}, .cohort = {}, .split = {}, .init = {}};
  const RunConfig& config = inputs.config;
  inputs.device = choose_device(options.device, threads_of_rank(group, config.train.threads), group.local_rank());
  if (on_devices(group, inputs) && !joins_devices())
    fail_usage(
        "several ranks compute on devices over NCCL, which this plait was built without; use --device cpu, or "
        "build it where NCCL is");
  {
    const Phase phase(trace, "read cohort");
    inputs.cohort = read_cohort(
        options.cohort,
        {.for_training = true, .image_size = config.preprocess.image_size, .unread = config.preprocess.unread});
  }
  inputs.split = options.ids.empty()
                     ? make_split(inputs.cohort, config.train.test, config.train.validation, config.train.seed)
                     : read_split(options.ids, inputs.cohort);
  audit_before_training(inputs.cohort, inputs.split, options.allow_leakage);
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
  if (on_devices(group, inputs)) require_own_device(group.host(), inputs.device.uuid);
}

// The watchdog's and the signals' view of a training.
class Watched {
 public:
  Watched(ProcessGroup& group, const TrainCommand& options, const RunConfig& config) : group_(group) {
    watch_stop_signals(group.size() > 1 ? SecondSignal::ignored : SecondSignal::ends);
    if (group.size() > 1)
      group.watch({.folder = RunFolder::path_of(options.out),
                   .collective_timeout_s = static_cast<double>(config.distributed.collective_timeout),
                   .step = [step = step_] { return step->load(); },
                   .terminating = [] { return stop_signal() != 0; }});
  }
  void step(const StepRecord& record) { *step_ = record.step; }
  // A launcher sends SIGTERM to those who are left of a job: then there is nobody to checkpoint with.
  bool stop() const { return stop_signal() != 0 && !group_.peer_lost(); }

 private:
  ProcessGroup& group_;
  std::shared_ptr<std::atomic<std::int64_t>> step_ = std::make_shared<std::atomic<std::int64_t>>(0);
};

// The ranks of a training, this one among them.
struct Ranks {
  ProcessGroup& group;
  Communicator* device_ranks;  // null: alone, or on the CPU
  Watched& watched;
};

TrainingOptions training_options(const TrainCommand& options, const Inputs& inputs, const Ranks& ranks) {
  TrainingOptions training{.device = inputs.device.device, .fast = options.fast};
  if (!options.init.empty()) training.init = options.init;
  if (ranks.group.size() > 1) training.ranks = &ranks.group.host();
  training.device_ranks = ranks.device_ranks;
  training.checkpoints = {
      .root = RunFolder::checkpoints_of(options.out), .resume = options.resume, .log = {}, .restored = {}};
  return training;
}

// A rank that computes and says nothing.
int train_silently(const TrainCommand& options, const Inputs& inputs, const Ranks& ranks) {
  TrainingHooks hooks;
  hooks.built = [&](const TrainedModel& trained, const Training&, const std::vector<std::string>&) {
    require_agreement(ranks.group, {{fit_name, preprocess_to_json(trained.fit)}});
  };
  hooks.step_done = [&](const StepRecord& record) { ranks.watched.step(record); };
  hooks.stop = [&] { return ranks.watched.stop(); };
  const Training training =
      train_model(inputs.config, inputs.cohort, inputs.split, hooks, training_options(options, inputs, ranks));
  return training.result.interrupted ? static_cast<int>(interrupted_by(stop_signal())) : 0;
}

int train_and_report(const TrainCommand& options, const Inputs& inputs, RunFolder& folder, TraceFile& trace_file,
                     const Ranks& ranks) {
  const RunConfig& config = inputs.config;
  const Cohort& cohort = inputs.cohort;
  const Split& split = inputs.split;
  const std::string& device = inputs.device.description;
  MetricsLog metrics(folder.path() / "metrics.jsonl");
  Progress progress(stdout, launch_environment().has_value());
  ProgressState shown;
  TrainingHooks hooks;
  hooks.built = [&](const TrainedModel& trained, const Training& training, std::vector<std::string> notes) {
    if (ranks.group.size() > 1) require_agreement(ranks.group, {{fit_name, preprocess_to_json(trained.fit)}});
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
    ranks.watched.step(record);
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
  hooks.stop = [&] { return ranks.watched.stop(); };
  TrainingOptions how = training_options(options, inputs, ranks);
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
  const nlohmann::ordered_json summary = [&] {
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

int train_on_ranks(const TrainCommand& options, ProcessGroup& group, std::unique_ptr<Communicator>& device_ranks) {
  const bool first = group.rank() == 0;
  bool finished = false;
  std::optional<RunFolder> folder;
  std::optional<TraceFile> trace_file;
  Inputs inputs;
  on_first_rank(group, [&] { finished = options.resume && is_finished(options.out); });
  finished = group.size() > 1 ? any_rank(group.host(), finished) : finished;
  if (!finished) {
    // A mistake in the configuration must not cost a folder, nor a cohort's reading a wrong --out.
    together(group, [&] { require_distributable(configuration(options).distributed, group.size(), options.fast); });
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
  if (first) folder->share(group.size() > 1);
  Watched watched(group, options, inputs.config);
  if (on_devices(group, inputs)) device_ranks = join_on_devices(group);
  const Ranks ranks{.group = group, .device_ranks = device_ranks.get(), .watched = watched};
  return first ? train_and_report(options, inputs, *folder, *trace_file, ranks)
               : train_silently(options, inputs, ranks);
}

}  // namespace

int run_train(const TrainCommand& options) {
  std::unique_ptr<Communicator> device_ranks;  // looked at by the group until its end
  const std::unique_ptr<ProcessGroup> group = ProcessGroup::join();
  return on_ranks(*group, [&] { return train_on_ranks(options, *group, device_ranks); });
}

}  // namespace plait
