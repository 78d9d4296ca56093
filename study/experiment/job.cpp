#include "study/experiment/job.h"

#include <chrono>

#include "engine/error.h"
#include "io/text_file.h"
#include "study/fused_embedding.h"
#include "study/prediction.h"
#include "study/training.h"

namespace plait {
namespace {

using Json = nlohmann::ordered_json;

// The modalities of a model that lacks one are numbered without it.
Cohort without(Cohort cohort, std::size_t modality) {
  cohort.modalities.erase(cohort.modalities.begin() + static_cast<std::ptrdiff_t>(modality));
  return cohort;
}

}  // namespace

JobResult run_job(const StudyPlan& plan, const StudyJob& job) {
  const auto start = std::chrono::steady_clock::now();
  const StudyCohort& study = plan.cohorts[job.cohort];
  const StudyModel& model = plan.model(job);
  const Split& split = study.folds[job.fold];
  std::optional<Cohort> reduced;
  if (model.hidden) reduced = without(study.cohort, *model.hidden);
  const Cohort& cohort = reduced ? *reduced : study.cohort;

  const Training training = train_model(model.config, cohort, split, {});
  const MultimodalModel& trained = *training.trained.model;
  const Dataset dataset(cohort, training.trained.fit);
  JobResult result;
  result.parameters = trained.parameters().parameter_count();
  result.training_patients = training.training_patients;
  result.epochs = training.result.epochs;
  result.best_epoch = training.result.best_epoch;
  result.test = split.test;
  const bool all_subsets = model.role != ModelRole::unimodal && !model.hidden;
  for (const ModalityMask removed : all_subsets ? study.removals : std::vector<ModalityMask>{0}) {
    PatientPredictions predictions = predict(trained, dataset, split.test, {.removed = removed});
    result.outputs = predictions.outputs;
    result.values[removed] = std::move(predictions.values);
    result.abstains[removed] = std::move(predictions.abstains);
    if (removed == 0) result.weights = std::move(predictions.weights);
  }
  result.validation = split.validation;
  result.validation_values = predict(trained, dataset, split.validation).values;
  if (job.fold == 0 && model.role != ModelRole::variant) {
    FusedEmbedding embedding = fused_embedding(trained, dataset, split.test);
    result.embedded = std::move(embedding.patients);
    result.width = embedding.width;
    result.embedding = std::move(embedding.values);
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

Json job_to_json(const JobResult& result) {
  Json removed = Json::array();
  for (const auto& [mask, values] : result.values)
    removed.push_back({{"removed", mask}, {"values", values}, {"abstains", result.abstains.at(mask)}});
  return {{"parameters", result.parameters}, {"training_patients", result.training_patients},
          {"epochs", result.epochs},         {"best_epoch", result.best_epoch},
          {"outputs", result.outputs},       {"test", result.test},
          {"predictions", removed},          {"weights", result.weights},
          {"validation", result.validation}, {"validation_values", result.validation_values},
          {"embedded", result.embedded},     {"width", result.width},
          {"embedding", result.embedding},   {"seconds", result.seconds}};
}

JobResult read_job(const std::filesystem::path& path) {
  try {
    const nlohmann::json json = nlohmann::json::parse(read_text_file(path, std::size_t{1} << 32, ExitCode::storage));
    JobResult result;
    json.at("parameters").get_to(result.parameters);
    json.at("training_patients").get_to(result.training_patients);
    json.at("epochs").get_to(result.epochs);
    json.at("best_epoch").get_to(result.best_epoch);
    json.at("outputs").get_to(result.outputs);
    json.at("test").get_to(result.test);
    const std::size_t cells = result.test.size() * static_cast<std::size_t>(result.outputs);
    for (const nlohmann::json& entry : json.at("predictions")) {
      const auto mask = entry.at("removed").get<ModalityMask>();
      entry.at("values").get_to(result.values[mask]);
      entry.at("abstains").get_to(result.abstains[mask]);
      if (result.values[mask].size() != cells || result.abstains[mask].size() != result.test.size())
        throw std::invalid_argument("sizes");
    }
    json.at("weights").get_to(result.weights);
    json.at("validation").get_to(result.validation);
    json.at("validation_values").get_to(result.validation_values);
    json.at("embedded").get_to(result.embedded);
    json.at("width").get_to(result.width);
    json.at("embedding").get_to(result.embedding);
    json.at("seconds").get_to(result.seconds);
    if (!result.values.contains(0) ||
        result.embedding.size() != result.embedded.size() * static_cast<std::size_t>(result.width))
      throw std::invalid_argument("sizes");
    return result;
  } catch (const Error&) {
    throw;
  } catch (const std::exception&) {
    fail_storage(path.string() + ": damaged; remove it and run the same command again: that job is then done anew");
  }
}

}  // namespace plait
