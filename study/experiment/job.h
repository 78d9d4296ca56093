// One job of a study: a model trained on a fold's training part, and what it says of the patients of its test part.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "io/formats/json.h"
#include "study/experiment/plan.h"

namespace plait {

struct JobResult {
  std::int64_t parameters = 0, training_patients = 0, epochs = 0, best_epoch = 0;
  std::int64_t outputs = 0;
  // Of the fold's test part (ascending rows of the cohort): [n, outputs] for each set of removed modalities (the job's
  // own numbering of modalities), and who is abstained on.
  std::vector<std::int64_t> test;
  std::map<ModalityMask, std::vector<double>> values;
  std::map<ModalityMask, std::vector<std::uint8_t>> abstains;
  std::vector<float> weights;  // [n, M] attention with nothing removed; empty for models without
  std::vector<std::int64_t> validation;
  std::vector<double> validation_values;  // [validation, outputs]
  // Of the first fold's test part: the patients answered and what the head reads of them, [answered, width].
  std::vector<std::int64_t> embedded;
  std::int64_t width = 0;
  std::vector<float> embedding;
  double seconds = 0.0;  // of this machine; never part of a study's results
};

// Trains and predicts, in the process that calls. Errors are those of train_model() and predict().
JobResult run_job(const StudyPlan& plan, const StudyJob& job);

// A job's file. Reading: a damaged one is a storage error that names it.
nlohmann::ordered_json job_to_json(const JobResult& result);
JobResult read_job(const std::filesystem::path& path);

}  // namespace plait
