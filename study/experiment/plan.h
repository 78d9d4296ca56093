// What a study trains: every model on the same folds of every cohort, with the same budget.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/data/cohort.h"
#include "io/data/split.h"
#include "study/config.h"

namespace plait {

struct StudyOptions {
  std::vector<std::string> cohorts;
  std::filesystem::path out;
  std::optional<std::filesystem::path> config;  // of every model; model.fusion is the study's own affair
  std::vector<std::string> sets;
  std::int64_t folds = 5;
  std::uint64_t seed = 1;           // of folds, models and intervals
  std::vector<std::string> models;  // which of the fused ones and which modalities; empty = all
  std::int64_t resamples = 1000;    // of every bootstrap interval
  bool full = false;                // the further experiments too
  std::string allow_leakage;        // the reason why findings of the audit do not stop it; empty: they do
};

enum class ModelRole {
  unimodal,  // one modality
  fused,     // a strategy on all
  variant,   // hybrid, with one thing changed: the further experiments
};

struct StudyModel {
  std::string name;    // "ehr", "hybrid", "hybrid-no-dropout": unique in a cohort
  std::string fusion;  // model.fusion
  ModelRole role = ModelRole::fused;
  std::string question = {};               // of a variant: the experiment that it belongs to
  std::optional<std::size_t> hidden = {};  // the modality that the cohort does not have for it (retrained without)
  RunConfig config;
};

struct StudyCohort {
  std::string label;  // unique in the study: the cohort's name, with a number where it repeats
  std::filesystem::path path;
  Cohort cohort;
  std::vector<Split> folds;  // test: the fold; validation: stratified share of the rest
  std::vector<StudyModel> models;
  std::vector<ModalityMask> removals;  // what is taken away at inference, the empty set first
};

struct StudyJob {
  std::size_t cohort = 0, model = 0, fold = 0;
};

struct StudyPlan {
  StudyOptions options;
  std::vector<StudyCohort> cohorts;
  std::vector<StudyJob> jobs;

  const StudyModel& model(const StudyJob& job) const { return cohorts[job.cohort].models[job.model]; }
  std::string job_name(const StudyJob& job) const;  // "cancer / hybrid / fold 2", folds from 1
  std::string job_file(const StudyJob& job) const;  // "0-hybrid-2.json": no text of a cohort in it
};

// Every subset of up to this many modalities is taken away; of more, single ones and all but one.
inline constexpr std::size_t kMostModalitiesForAllSubsets = 6;

// Reads the cohorts and decides everything that the jobs do. Usage errors: an unknown model, fewer than 2 folds, a
// configuration that load_config() refuses, model.fusion among `sets`. Data errors: as read_cohort(), and a cohort with
// fewer labelled patients than folds.
StudyPlan plan_study(const StudyOptions& options);

// What the results depend on, as text: a study goes on only with the same.
std::string plan_fingerprint(const StudyPlan& plan);

}  // namespace plait
