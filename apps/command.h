// The subcommands of `plait`: what each is told, and the function that runs it. Options are declared in
// command_line.cpp, the only file that knows the command-line library.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plait {

struct CheckCommand {
  std::string cohort;
};

struct PrepareCommand {
  std::string cohort, out;
};

struct TrainCommand {
  std::string cohort, out, config, ids, init, trace, allow_leakage, device = "auto";
  std::vector<std::string> sets;
  bool resume = false, fast = false;
};

struct EvaluateCommand {
  std::string run, cohort, split, trace, device = "auto";
  std::vector<std::string> without;
  bool json = false;
};

struct PredictCommand {
  std::string run, cohort, out, trace, device = "auto";
};

struct ExplainCommand {
  std::string run, cohort, out, split, trace, device = "auto";
  bool json = false, no_targets = false, no_features = false, per_patient = false;
  int steps = 32;
  std::int64_t maps = 0;
  std::vector<std::string> map_patients;
};

struct SynthCommand {
  std::string task = "cancer", out, mechanism = "random";
  std::int64_t patients = 2000;
  std::uint64_t seed = 1;
  std::optional<double> prevalence;  // none: the task's own
  double missing = 0.1;
  int genes = 200, image_size = 32;
};

struct StudyCommand {
  std::vector<std::string> cohorts, sets, models;
  std::string out, config, allow_leakage;
  std::int64_t folds = 5, jobs = 0, resamples = 1000;  // jobs: 0 = one a core
  std::uint64_t seed = 1;
  bool full = false;
};

struct InfoCommand {
  std::string run;  // empty: about this build
};

// Each returns the exit code; errors are thrown.
int run_check(const CheckCommand& command);
int run_prepare(const PrepareCommand& command);
int run_train(const TrainCommand& command);
int run_evaluate(const EvaluateCommand& command);
int run_predict(const PredictCommand& command);
int run_explain(const ExplainCommand& command);
int run_synth(const SynthCommand& command);
int run_study(const StudyCommand& command);
int run_info(const InfoCommand& command);

// Parses the command line and runs the subcommand. Wrong usage: a message on standard error and exit code 2.
int run_command_line(int argc, char** argv);

}  // namespace plait
