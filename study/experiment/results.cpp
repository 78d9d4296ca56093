#include "study/experiment/results.h"

#include <algorithm>

#include "engine/error.h"
#include "study/experiment/claims.h"
#include "study/experiment/comparisons.h"
#include "study/experiment/trust.h"

namespace plait {
namespace {

CohortJobs read_jobs(const StudyPlan& plan, const StudyFolder& folder, std::size_t c) {
  CohortJobs jobs{.cohort = &plan.cohorts[c], .models = {}};
  for (std::size_t m = 0; m < plan.cohorts[c].models.size(); ++m) {
    ModelJobs model{.model = &plan.cohorts[c].models[m], .folds = {}};
    for (std::size_t k = 0; k < plan.cohorts[c].folds.size(); ++k) {
      const std::filesystem::path path = folder.job(plan.job_file({.cohort = c, .model = m, .fold = k}));
      model.folds.push_back(read_job(path));
      if (model.folds.back().test != plan.cohorts[c].folds[k].test)
        fail_storage(path.string() + ": is about other patients; remove it and run the same command again");
    }
    jobs.models.push_back(std::move(model));
  }
  return jobs;
}

const char* role_name(ModelRole role) {
  return role == ModelRole::unimodal ? "unimodal" : role == ModelRole::fused ? "fused" : "variant";
}

StudyJson model_json(const StudyOptions& options, const StudyCohort& cohort, const ModelJobs& jobs) {
  StudyJson json = {{"name", jobs.model->name}, {"fusion", jobs.model->fusion}, {"role", role_name(jobs.model->role)}};
  if (!jobs.model->question.empty()) json["question"] = jobs.model->question;
  json["parameters"] = StudyJson::array();
  json["epochs"] = StudyJson::array();
  for (const JobResult& fold : jobs.folds) {
    json["parameters"].push_back(fold.parameters);
    json["epochs"].push_back(fold.epochs);
  }
  const Pooled pooled = pool(cohort, jobs);
  json["patients"] = pooled.count();
  json["answered"] = std::count(pooled.abstains.begin(), pooled.abstains.end(), 0);
  json["metrics"] = performance_json(options, pooled);
  if (jobs.model->role == ModelRole::unimodal) {
    std::vector<std::size_t> known;
    for (std::size_t i = 0; i < pooled.count(); ++i)
      if (pooled.abstains[i] == 0) known.push_back(i);
    json["metrics_of_answered"] = performance_json(options, select(pooled, known));
  }
  if (jobs.model->role == ModelRole::fused) {
    json["removals"] = removals_json(options, cohort, jobs);
    json["trust"] = trust_json(options, cohort, jobs);
  }
  json["attention"] = attention_json(options, cohort, jobs);
  return json;
}

// Hybrid against early and late fusion where a modality is missing.
StudyJson missing_comparisons(const StudyOptions& options, const CohortJobs& jobs) {
  StudyJson list = StudyJson::array();
  const ModelJobs* hybrid = jobs.find("hybrid");
  const StudyCohort& cohort = *jobs.cohort;
  for (const char* other : {"early", "late"}) {
    const ModelJobs* rival = jobs.find(other);
    if (hybrid == nullptr || rival == nullptr) continue;
    for (const ModalityMask removed : cohort.removals) {
      if (count_modalities(removed) != 1) continue;
      const Pooled a = pool(cohort, *hybrid, removed), b = pool(cohort, *rival, removed);
      for (const Interval& interval : bootstrap_differences(a.predictions, b.predictions, bootstrap_of(options, a)))
        if (interval.name == headline_metric(cohort.cohort.task))
          list.push_back({{"first", "hybrid"},
                          {"second", other},
                          {"removed", modality_names_json(cohort.cohort, removed)},
                          {"difference", interval_json(interval)}});
    }
  }
  return list;
}

// How many have what; small cells are not spoken of.
StudyJson availability_json(const StudyCohort& cohort) {
  StudyJson json = StudyJson::array();
  const std::vector<std::int64_t> patients = labelled_patients(cohort.cohort);
  for (std::size_t m = 0; m < cohort.cohort.modalities.size(); ++m) {
    const ModalityData& modality = cohort.cohort.modalities[m];
    const std::size_t have = patients_with(cohort.cohort, patients, m).size();
    StudyJson entry = {{"name", modality.name},
                       {"kind", modality_kind_name(modality.kind)},
                       {"patients", have < kSmallestCell ? StudyJson(nullptr) : StudyJson(have)}};
    if (modality.kind == ModalityKind::image)
      entry["size"] = {modality.height, modality.width, modality.channels};
    else
      entry["columns"] = modality.columns.size();
    json.push_back(std::move(entry));
  }
  return json;
}

StudyJson cohort_json(const StudyOptions& options, const CohortJobs& jobs) {
  const StudyCohort& study = *jobs.cohort;
  const Cohort& cohort = study.cohort;
  StudyJson json = {{"label", study.label},
                    {"task", task_name(cohort.task)},
                    {"headline", headline_metric(cohort.task)},
                    {"patients", labelled_patients(cohort).size()},
                    {"without_target", cohort.patients() - std::ssize(labelled_patients(cohort))},
                    {"groups", cohort.has_groups}};
  if (!cohort.classes.empty()) {
    std::vector<std::int64_t> counts(cohort.classes.size(), 0);
    for (const std::int64_t patient : labelled_patients(cohort))
      ++counts[static_cast<std::size_t>(cohort.target(patient))];
    StudyJson& classes = json["classes"] = StudyJson::array();
    for (std::size_t k = 0; k < counts.size(); ++k)
      classes.push_back({{"name", cohort.classes[k]}, {"patients", counts[k]}});
    if (cohort.task == TaskKind::binary)
      json["prevalence"] = static_cast<double>(counts[1]) / static_cast<double>(counts[0] + counts[1]);
  }
  json["modalities"] = availability_json(study);
  StudyJson& folds = json["folds"] = StudyJson::array();
  for (const Split& fold : study.folds)
    folds.push_back({{"train", fold.train.size()}, {"validation", fold.validation.size()}, {"test", fold.test.size()}});
  StudyJson& models = json["models"] = StudyJson::array();
  for (const ModelJobs& model : jobs.models) models.push_back(model_json(options, study, model));
  json["comparisons"] = comparisons_json(options, jobs);
  json["missing_comparisons"] = missing_comparisons(options, jobs);
  return json;
}

StudyJson settings_json(const StudyPlan& plan) {
  StudyJson json = {{"folds", plan.options.folds},         {"seed", plan.options.seed},
                    {"resamples", plan.options.resamples}, {"full", plan.options.full},
                    {"sets", plan.options.sets},           {"allow_leakage", plan.options.allow_leakage}};
  // Of the first cohort's first fused model; what models and cohorts differ in is said beside them.
  for (const StudyModel& model : plan.cohorts[0].models)
    if (model.role == ModelRole::fused || &model == &plan.cohorts[0].models.back()) {
      const TrainOptions& train = model.config.train;
      json["train"] = {{"epochs", train.epochs},
                       {"batch_size", train.batch_size},
                       {"optimizer", train.optimizer == OptimizerKind::adam    ? "adam"
                                     : train.optimizer == OptimizerKind::adamw ? "adamw"
                                                                               : "sgd"},
                       {"learning_rate", train.learning_rate},
                       {"schedule", train.schedule == ScheduleKind::cosine ? "cosine" : "constant"},
                       {"l2", train.l2},
                       {"alignment", train.alignment},
                       {"alignment_form", train.alignment_mean ? "mean" : "sum"},
                       {"modality_keep", train.modality_keep},
                       {"class_weights", train.balanced_class_weights ? "balanced" : "none"},
                       {"validation", train.validation},
                       {"patience", train.patience}};
      json["train"]["modality_keep_by_name"] = train.modality_keep_by_name;
      json["model"] = {{"embed_dim", model.config.model.embed_dim},
                       {"missing", model.config.model.missing == MissingRule::mask ? "mask" : "zero"}};
      json["preprocess"] = {{"genes", model.config.preprocess.genes},
                            {"log1p", model.config.preprocess.log1p},
                            {"standardise", model.config.preprocess.standardise}};
      json["config"] = config_toml(model.config);
      break;
    }
  return json;
}

}  // namespace

StudyJson study_results(const StudyPlan& plan, const StudyFolder& folder, const StudyJson& audit,
                        const std::function<void(const std::string&)>& progress) {
  StudyJson results = {{"format", 1}, {"settings", settings_json(plan)}, {"audit", audit}};
  StudyJson& cohorts = results["cohorts"] = StudyJson::array();
  for (std::size_t c = 0; c < plan.cohorts.size(); ++c) {
    if (progress) progress(plan.cohorts[c].label + ": intervals and tests");
    cohorts.push_back(cohort_json(plan.options, read_jobs(plan, folder, c)));
  }
  results["claims"] = claims_json(cohorts);
  return results;
}

}  // namespace plait
