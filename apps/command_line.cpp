#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <limits>

#include "apps/command.h"
#include "apps/version.h"
#include "engine/error.h"
#include "io/nearest_name.h"

namespace plait {
namespace {

void add_device(CLI::App& app, std::string& device) {
  app.add_option("--device", device, "auto, cpu, gpu or simt")
      ->check(CLI::IsMember({"auto", "cpu", "gpu", "simt"}))
      ->capture_default_str();
}

void add_sets(CLI::App& app, std::vector<std::string>& sets) {
  app.add_option("--set", sets, "One configuration key, e.g. train.epochs=20; --set again for each further one")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
}

void add_allow_leakage(CLI::App& app, std::string& reason) {
  app.add_option("--allow-leakage", reason, "Why findings of the leakage audit do not stop this; kept in the results")
      ->type_name("REASON");
}

void add_trace(CLI::App& app, std::string& trace) {
  app.add_option("--trace", trace, "Write what took how long to this file, for chrome://tracing and Perfetto");
}

void add_run_and_cohort(CLI::App& app, std::string& run, std::string& cohort) {
  app.add_option("run", run, "Run folder of `plait train`")->required();
  app.add_option("cohort", cohort, "Cohort folder or prepared cohort")->required();
}

void add_split(CLI::App& app, std::string& split) {
  app.add_option("--split", split, "test, validation, train or all; default: test for the run's own cohort, else all")
      ->check(CLI::IsMember({"test", "validation", "train", "all"}));
}

// Whole numbers of the option's range: CLI11 itself wraps a negative seed around and cuts a number that is too large.
template <class Integer>
CLI::Validator whole_number() {
  return CLI::Validator(
      [](const std::string& word) {
        Integer value{};
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
        if (error == std::errc{} && end == word.data() + word.size()) return std::string();
        return fmt::format("{} is no whole number from {} to {}", word, std::numeric_limits<Integer>::min(),
                           std::numeric_limits<Integer>::max());
      },
      "");
}

CLI::App* add_check(CLI::App& app, CheckCommand& command) {
  CLI::App* sub =
      app.add_subcommand("check", "Validates a cohort folder; prints counts, availability and every problem");
  sub->add_option("cohort", command.cohort, "Cohort folder or prepared cohort")->required();
  return sub;
}

CLI::App* add_prepare(CLI::App& app, PrepareCommand& command) {
  CLI::App* sub = app.add_subcommand(
      "prepare", "Packs a cohort folder into one file that is trained on without being held in memory");
  sub->add_option("cohort", command.cohort, "Cohort folder")->required();
  sub->add_option("--out", command.out, "File to write, such as cohort.plait; an older one is replaced")->required();
  return sub;
}

CLI::App* add_train(CLI::App& app, TrainCommand& command) {
  CLI::App* sub = app.add_subcommand("train", "Trains a model on a cohort folder");
  sub->add_option("cohort", command.cohort, "Cohort folder or prepared cohort")->required();
  sub->add_option("--out", command.out, "Run folder to write; must not exist yet")->required();
  sub->add_option("--config", command.config, "Configuration file (TOML); every key is optional");
  add_sets(*sub, command.sets);
  sub->add_option("--ids", command.ids, "Fixes the split: {\"train\": [ids], \"validation\": [ids], \"test\": [ids]}");
  sub->add_option("--init", command.init, "Initial parameters from a model.safetensors");
  sub->add_flag(
      "--resume", command.resume,
      "Go on from the newest checkpoint of the same command line that was interrupted; start anew if there is "
      "none");
  sub->add_flag("--fast", command.fast,
                "On several ranks: any number of them, with plain sums; the result depends on their number");
  add_allow_leakage(*sub, command.allow_leakage);
  add_device(*sub, command.device);
  add_trace(*sub, command.trace);
  return sub;
}

CLI::App* add_evaluate(CLI::App& app, EvaluateCommand& command) {
  CLI::App* sub = app.add_subcommand("evaluate", "Metrics of a trained model with 95 % intervals");
  add_run_and_cohort(*sub, command.run, command.cohort);
  add_split(*sub, command.split);
  sub->add_option("--without", command.without,
                  "Hide modalities from the model: one or several, --without ehr image or --without ehr,image")
      ->delimiter(',');
  sub->add_flag("--json", command.json, "Print JSON");
  add_device(*sub, command.device);
  add_trace(*sub, command.trace);
  return sub;
}

CLI::App* add_predict(CLI::App& app, PredictCommand& command) {
  CLI::App* sub = app.add_subcommand("predict", "Predictions and attention weights of every patient of a cohort");
  add_run_and_cohort(*sub, command.run, command.cohort);
  sub->add_option("--out", command.out,
                  "CSV file to write; one that exists is replaced if it holds predictions; - writes to standard output")
      ->required();
  add_device(*sub, command.device);
  add_trace(*sub, command.trace);
  return sub;
}

CLI::App* add_explain(CLI::App& app, ExplainCommand& command) {
  CLI::App* sub = app.add_subcommand(
      "explain", "Which modality drove each prediction: exact Shapley values, ablation, attention; and all together");
  add_run_and_cohort(*sub, command.run, command.cohort);
  sub->add_option("--out", command.out, "Folder to write; must not exist yet")->required();
  add_split(*sub, command.split);
  sub->add_flag("--no-targets", command.no_targets,
                "Do not read the labels: patients are explained, what modalities are worth to the loss is left out");
  sub->add_flag("--no-features", command.no_features, "Leave out integrated gradients of tables and genes");
  sub->add_flag("--per-patient", command.per_patient, "Write every patient's integrated gradients, column by column");
  sub->add_option("--steps", command.steps, "Of the integrated gradients, 1 to 10000")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  sub->add_option("--maps", command.maps, "Pictures of Grad-CAM and occlusion over the images of so many patients")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40));
  sub->add_option("--map-patients", command.map_patients, "And over those of these patients: ID,ID,...")
      ->type_name("ID")
      ->delimiter(',');
  sub->add_flag("--json", command.json, "Print global.json");
  add_device(*sub, command.device);
  add_trace(*sub, command.trace);
  return sub;
}

CLI::App* add_synth(CLI::App& app, SynthCommand& command) {
  CLI::App* sub = app.add_subcommand("synth", "Writes a synthetic cohort whose truth and best possible AUC are known");
  sub->add_option("--out", command.out, "Cohort folder to write; must not exist yet")->required();
  sub->add_option("--task", command.task, "cancer, cardiac, metabolic or mortality: which modalities matter how much")
      ->check(CLI::IsMember({"cancer", "cardiac", "metabolic", "mortality"}))
      ->capture_default_str();
  sub->add_option("--patients", command.patients, "How many patients")
      ->check(whole_number<std::int64_t>())
      ->capture_default_str();
  sub->add_option("--seed", command.seed, "Other patients of the same population")
      ->check(whole_number<std::uint64_t>())
      ->capture_default_str();
  sub->add_option("--prevalence", command.prevalence,
                  "Share of positive labels in the population, 0.01 to 0.99; "
                  "default: the task's own");
  sub->add_option("--missing", command.missing, "Share of patients that lack a modality, 0 to 0.95")
      ->capture_default_str();
  sub->add_option("--missing-mechanism", command.mechanism,
                  "random: whoever it is; latent: the weaker a modality's signal, the more often it is missing")
      ->check(CLI::IsMember({"random", "latent"}))
      ->capture_default_str();
  sub->add_option("--genes", command.genes, "Columns of the expression profile")
      ->check(whole_number<int>())
      ->capture_default_str();
  sub->add_option("--image-size", command.image_size, "Side of the images in pixels, 16 to 512")
      ->check(whole_number<int>())
      ->capture_default_str();
  return sub;
}

CLI::App* add_study(CLI::App& app, StudyCommand& command) {
  CLI::App* sub = app.add_subcommand(
      "study", "Cross-validates every model on cohorts; writes results.json, tables, figures and report.html");
  sub->add_option("cohorts", command.cohorts, "Cohort folders or prepared cohorts")->required();
  sub->add_option("--out", command.out, "Folder to write; a study that was interrupted there goes on")->required();
  sub->add_option("--config", command.config, "Configuration file (TOML) of every model");
  add_sets(*sub, command.sets);
  sub->add_option("--models", command.models,
                  "Only these: early, late, concat, attention, hybrid, names of modalities; separated by commas")
      ->delimiter(',')
      ->allow_extra_args(false);
  sub->add_option("--folds", command.folds, "Parts of the cross-validation")
      ->check(whole_number<std::int64_t>())
      ->capture_default_str();
  sub->add_option("--seed", command.seed, "Of folds, initial models and intervals")
      ->check(whole_number<std::uint64_t>())
      ->capture_default_str();
  sub->add_option("--resamples", command.resamples, "Of every bootstrap interval")
      ->check(whole_number<std::int64_t>())
      ->capture_default_str();
  sub->add_option("--jobs", command.jobs, "Models trained at once, one thread each; default: one a core")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{4096}));
  sub->add_flag("--full", command.full, "The further experiments too: retraining, robustness, one change at a time");
  add_allow_leakage(*sub, command.allow_leakage);
  return sub;
}

CLI::App* add_info(CLI::App& app, InfoCommand& command) {
  CLI::App* sub = app.add_subcommand("info", "What this build can do; with a run folder: its model, layer by layer");
  sub->add_option("run", command.run, "Run folder of `plait train`");
  return sub;
}

// CLI11 takes a misspelt subcommand for a missing one.
void check_subcommand(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands({})) names.push_back(sub->get_name());
  if (std::find(names.begin(), names.end(), word) != names.end()) return;
  const std::string nearest = nearest_name(word, names).value_or("");
  const bool close = edit_distance(word, nearest) <= std::max<std::size_t>(1, nearest.size() / 2);
  fail_usage("unknown subcommand '" + word + "'" +
             (close ? ", did you mean " + nearest + "?" : "; `plait --help` lists those there are"));
}

// What CLI11 says, as one line and with the help that fits.
[[noreturn]] void fail_parse(const CLI::App& app, const CLI::ParseError& error) {
  std::string message = error.what(), help = "plait";
  std::replace(message.begin(), message.end(), '\n', ' ');
  for (const CLI::App* sub : app.get_subcommands()) {
    help += " " + sub->get_name();
    const bool setting =
        (sub->get_name() == "train" || sub->get_name() == "study") && message.find('=') != std::string::npos;
    if (setting && dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr)
      message += " (each key needs its own --set)";
  }
  fail_usage(message + "; see `" + help + " --help`");
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App app("plait braids a patient's clinical table, medical image and genomic profile into one prediction.",
               "plait");
  app.set_version_flag("--version", std::string("plait ") + version);
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 internal error, 2 wrong usage or configuration, 3 bad data, 4 storage, 5 device or "
      "memory,\n"
      "6 numeric failure, 7 a peer rank failed, 130 and 143 interrupted (Ctrl-C, SIGTERM): training has left a "
      "checkpoint.\n"
      "`plait SUBCOMMAND --help` explains each.");

  CheckCommand check_options;
  PrepareCommand prepare_options;
  TrainCommand train_options;
  EvaluateCommand evaluate_options;
  PredictCommand predict_options;
  ExplainCommand explain_options;
  SynthCommand synth_options;
  StudyCommand study_options;
  InfoCommand info_options;
  const CLI::App* check = add_check(app, check_options);
  const CLI::App* prepare = add_prepare(app, prepare_options);
  const CLI::App* train = add_train(app, train_options);
  const CLI::App* evaluate = add_evaluate(app, evaluate_options);
  const CLI::App* predict = add_predict(app, predict_options);
  const CLI::App* explain = add_explain(app, explain_options);
  const CLI::App* synth = add_synth(app, synth_options);
  const CLI::App* study = add_study(app, study_options);
  add_info(app, info_options);
  if (argc > 1 && argv[1][0] != '-' && argv[1][0] != '\0') check_subcommand(app, argv[1]);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // --help and --version are exceptions too, and CLI11 prints both.
    if (error.get_exit_code() == 0) return app.exit(error);
    fail_parse(app, error);
  }
  if (check->parsed()) return run_check(check_options);
  if (prepare->parsed()) return run_prepare(prepare_options);
  if (train->parsed()) return run_train(train_options);
  if (evaluate->parsed()) return run_evaluate(evaluate_options);
  if (predict->parsed()) return run_predict(predict_options);
  if (explain->parsed()) return run_explain(explain_options);
  if (synth->parsed()) return run_synth(synth_options);
  if (study->parsed()) return run_study(study_options);
  return run_info(info_options);
}

}  // namespace plait
