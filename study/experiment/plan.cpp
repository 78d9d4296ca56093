#include "study/experiment/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "io/checkpoint.h"
#include "study/run.h"

namespace plait {
namespace {

constexpr const char* kStrategies[] = {"early", "late", "concat", "attention", "hybrid"};

std::vector<std::string> with(std::vector<std::string> sets, std::initializer_list<std::string> more) {
  sets.insert(sets.end(), more);
  return sets;
}

bool wanted(const StudyOptions& options, const std::string& name) {
  return options.models.empty() ||
         std::find(options.models.begin(), options.models.end(), name) != options.models.end();
}

// Hybrid, with one thing changed at a time.
struct Change {
  std::string name, question;
  std::vector<std::string> sets;
};

std::vector<Change> changes(const Cohort& cohort) {
  std::vector<Change> list = {{"no-dropout", "modality dropout", {"train.modality_keep=1.0"}},
                              {"keep-0.5", "retention probability", {"train.modality_keep=0.5"}},
                              {"keep-0.9", "retention probability", {"train.modality_keep=0.9"}},
                              {"zero", "mask against zero", {"model.missing=zero"}},
                              {"align-0", "alignment weight", {"train.alignment=0.0"}},
                              {"align-0.1", "alignment weight", {"train.alignment=0.1"}},
                              {"align-1", "alignment weight", {"train.alignment=1.0"}}};
  Change plain{"plain-mlp", "denoising autoencoder against plain MLP", {}};
  for (const ModalityData& modality : cohort.modalities)
    if (modality.kind == ModalityKind::expression) plain.sets.push_back("encoder." + modality.name + ".type=mlp");
  if (!plain.sets.empty()) list.push_back(std::move(plain));
  return list;
}

std::vector<InputShape> inputs_of(const Cohort& cohort, std::optional<std::size_t> hidden = {}) {
  std::vector<InputShape> inputs;
  for (std::size_t m = 0; m < cohort.modalities.size(); ++m)
    if (m != hidden) inputs.push_back({.name = cohort.modalities[m].name, .kind = cohort.modalities[m].kind});
  return inputs;
}

class ModelList {
 public:
  ModelList(const StudyOptions& options, const Cohort& cohort) : options_(options), cohort_(cohort) {}

  void add(StudyModel model, std::initializer_list<std::string> sets = {}) {
    std::vector<std::string> all = with(options_.sets, {"model.fusion=" + model.fusion});
    all.insert(all.end(), sets);
    add(std::move(model), all);
  }
  void add(StudyModel model, const std::vector<std::string>& sets) {
    model.config = load_config(inputs_of(cohort_, model.hidden), options_.config, sets);
    model.config.train.seed = options_.seed;
    model.config.train.threads = 1;  // jobs run side by side; no bit depends on it
    models_.push_back(std::move(model));
  }
  std::vector<StudyModel> take() { return std::move(models_); }

 private:
  const StudyOptions& options_;
  const Cohort& cohort_;
  std::vector<StudyModel> models_;
};

std::vector<StudyModel> models_of(const StudyOptions& options, const Cohort& cohort) {
  ModelList models(options, cohort);
  for (const ModalityData& modality : cohort.modalities)
    if (wanted(options, modality.name))
      models.add({.name = modality.name, .fusion = modality.name, .role = ModelRole::unimodal, .config = {}});
  for (const std::string strategy : kStrategies)
    if (wanted(options, strategy))
      models.add({.name = strategy, .fusion = strategy, .role = ModelRole::fused, .config = {}});
  if (!options.full) return models.take();
  for (const Change& change : changes(cohort)) {
    std::vector<std::string> sets = with(options.sets, {"model.fusion=hybrid"});
    sets.insert(sets.end(), change.sets.begin(), change.sets.end());
    models.add({.name = "hybrid-" + change.name,
                .fusion = "hybrid",
                .role = ModelRole::variant,
                .question = change.question,
                .config = {}},
               sets);
  }
  if (cohort.modalities.size() < 2) return models.take();
  for (std::size_t m = 0; m < cohort.modalities.size(); ++m) {
    const std::string& name = cohort.modalities[m].name;
    std::vector<std::string> sets;  // what is said about the hidden modality is nobody's any more
    for (const std::string& set : options.sets)
      if (set.find("encoder." + name + ".") != 0) sets.push_back(set);
    models.add({.name = "hybrid-retrained-without-" + name,
                .fusion = "hybrid",
                .role = ModelRole::variant,
                .question = "retrained without a modality",
                .hidden = m,
                .config = {}},
               with(sets, {"model.fusion=hybrid"}));
  }
  return models.take();
}

// The same for every model.
std::vector<Split> folds_of(const StudyOptions& options, const Cohort& cohort, double validation_share) {
  const std::vector<std::int64_t> patients = labelled_patients(cohort);
  if (std::ssize(patients) < options.folds)
    fail_data({cohort.folder.string()},
              fmt::format("{} labelled patients cannot make {} folds; use --folds", patients.size(), options.folds));
  const auto parts = make_folds(cohort, patients, options.folds, options.seed);
  std::vector<Split> folds;
  for (std::size_t k = 0; k < parts.size(); ++k) {
    Split split{.train = {}, .validation = {}, .test = parts[k]};
    std::vector<std::int64_t> rest;
    std::set_difference(patients.begin(), patients.end(), parts[k].begin(), parts[k].end(), std::back_inserter(rest));
    if (validation_share > 0.0) {
      const auto shares = std::max<std::int64_t>(2, std::llround(1.0 / validation_share));
      split.validation = make_folds(cohort, rest, shares, options.seed, static_cast<std::uint32_t>(1 + k))[0];
    }
    std::set_difference(rest.begin(), rest.end(), split.validation.begin(), split.validation.end(),
                        std::back_inserter(split.train));
    folds.push_back(std::move(split));
  }
  return folds;
}

std::vector<ModalityMask> removals_of(std::size_t modalities) {
  const unsigned all = (1u << modalities) - 1;
  std::vector<ModalityMask> removals;
  for (unsigned mask = 0; mask < all; ++mask) {
    const int removed = count_modalities(static_cast<ModalityMask>(mask));
    if (modalities <= kMostModalitiesForAllSubsets || removed <= 1 || removed + 1 == static_cast<int>(modalities))
      removals.push_back(static_cast<ModalityMask>(mask));
  }
  std::stable_sort(removals.begin(), removals.end(),
                   [](auto a, auto b) { return count_modalities(a) < count_modalities(b); });
  return removals;
}

void check_models(const StudyOptions& options, const std::vector<StudyCohort>& cohorts) {
  for (const std::string& name : options.models) {
    const bool known = std::any_of(cohorts.begin(), cohorts.end(), [&](const StudyCohort& cohort) {
      return std::any_of(cohort.models.begin(), cohort.models.end(), [&](const auto& m) { return m.name == name; });
    });
    if (!known)
      fail_usage("--models " + name + ": neither a fusion strategy (" +
                 fmt::format("{}", fmt::join(kStrategies, ", ")) + ") nor a modality of a cohort");
  }
}

}  // namespace

std::string StudyPlan::job_name(const StudyJob& job) const {
  return fmt::format("{} / {} / fold {}", cohorts[job.cohort].label, model(job).name, job.fold + 1);
}

std::string StudyPlan::job_file(const StudyJob& job) const {
  return fmt::format("{}-{}-{}.json", job.cohort, model(job).name, job.fold + 1);
}

StudyPlan plan_study(const StudyOptions& options) {
  if (options.folds < 2) fail_usage("--folds: at least 2");
  if (options.resamples < 1) fail_usage("--resamples: at least 1");
  for (const std::string& set : options.sets)
    for (const char* own : {"model.fusion", "train.seed", "train.test"})
      if (set.starts_with(std::string(own) + "="))
        fail_usage("--set " + set + ": a study decides " + own + " itself" +
                   (std::string(own) == "train.seed" ? " (--seed)" : ""));
  StudyPlan plan{.options = options, .cohorts = {}, .jobs = {}};
  for (const std::string& path : options.cohorts) {
    StudyCohort cohort;
    cohort.path = path;
    std::vector<InputShape> inputs;
    for (const ModalityName& modality : cohort_modalities(path))
      inputs.push_back({.name = modality.name, .kind = modality.kind});
    const RunConfig config = load_config(inputs, options.config, options.sets);
    cohort.cohort = read_cohort(path, {.for_training = true, .image_size = config.preprocess.image_size});
    cohort.label = cohort.cohort.name;
    for (int again = 2; std::any_of(plan.cohorts.begin(), plan.cohorts.end(),
                                    [&](const StudyCohort& other) { return other.label == cohort.label; });
         ++again)
      cohort.label = fmt::format("{} ({})", cohort.cohort.name, again);
    cohort.folds = folds_of(options, cohort.cohort, config.train.validation);
    cohort.models = models_of(options, cohort.cohort);
    cohort.removals = removals_of(cohort.cohort.modalities.size());
    plan.cohorts.push_back(std::move(cohort));
  }
  check_models(options, plan.cohorts);
  for (std::size_t c = 0; c < plan.cohorts.size(); ++c)
    for (std::size_t m = 0; m < plan.cohorts[c].models.size(); ++m)
      for (std::size_t k = 0; k < plan.cohorts[c].folds.size(); ++k)
        plan.jobs.push_back({.cohort = c, .model = m, .fold = k});
  return plan;
}

std::string plan_fingerprint(const StudyPlan& plan) {
  std::string text = fmt::format("folds {} seed {} resamples {} leakage {}\n", plan.options.folds, plan.options.seed,
                                 plan.options.resamples, plan.options.allow_leakage);
  for (const StudyCohort& cohort : plan.cohorts) {
    text += cohort.label + " " + checksum_text(cohort_contents(cohort.cohort)) + "\n";
    for (const Split& fold : cohort.folds) text += checksum_text(split_to_json(cohort.cohort, fold)) + "\n";
    for (const StudyModel& model : cohort.models)
      text += model.name + " " + checksum_text(config_toml(model.config)) + "\n";
  }
  return text;
}

}  // namespace plait
