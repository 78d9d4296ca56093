#include "study/report/methods.h"

#include <fmt/format.h>

#include "study/experiment/trust.h"
#include "study/report/numbers.h"

namespace plait {
namespace {

std::string training(const StudyJson& settings) {
  const StudyJson& train = settings["train"];
  const std::string optimizer = train["optimizer"].get<std::string>();
  std::string text = fmt::format(
      "Every model of a cohort was trained on the same folds with the same budget: at most {} epochs of batches of {} "
      "patients, {} with a learning rate of {} ({} schedule), an L2 coefficient of {} and {} class weights. ",
      train["epochs"].get<int>(), train["batch_size"].get<int>(),
      optimizer == "adam"    ? "Adam"
      : optimizer == "adamw" ? "AdamW"
                             : "stochastic gradient descent",
      train["learning_rate"].get<double>(), train["schedule"].get<std::string>(), train["l2"].get<double>(),
      train["class_weights"].get<std::string>() == "none" ? "no" : "balanced");
  if (train["validation"].get<double>() > 0.0)
    text += fmt::format(
        "Of each fold's other patients a stratified part, about {:.0f} %, was held out for validation; {}",
        100.0 * train["validation"].get<double>(),
        train["patience"].get<int>() > 0
            ? fmt::format("training ended after {} epochs without a better validation loss, and the best epoch's "
                          "parameters were kept.",
                          train["patience"].get<int>())
            : std::string("there was no early stopping."));
  else
    text += "There was no validation part.";
  return text;
}

std::string models(const StudyJson& settings) {
  const StudyJson &train = settings["train"], &model = settings["model"];
  std::string keep = fmt::format("{}", train["modality_keep"].get<double>());
  for (const auto& [name, p] : train["modality_keep_by_name"].items())
    keep += fmt::format(", {}: {}", name, p.get<double>());
  return fmt::format(
      "Tables are read by a multi-layer perceptron, images by a convolutional network, expression profiles by the "
      "encoder half of a denoising autoencoder; each ends in an embedding of width {}. A missing modality is {}. In "
      "training each modality was kept with probability {}. The alignment loss had the weight {} ({} form). A "
      "single-modality model is trained on the patients who have the modality and gives the training prior to the "
      "others.",
      model["embed_dim"].get<int>(),
      model["missing"] == "mask" ? "masked inside the softmax, so that its weight is exactly 0"
                                 : "replaced by zeros, as the paper prints it",
      keep, train["alignment"].get<double>(), train["alignment_form"].get<std::string>());
}

}  // namespace

std::vector<std::string> methods_paragraphs(const StudyJson& results) {
  const StudyJson& settings = results["settings"];
  const StudyJson& preprocess = settings["preprocess"];
  return {
      fmt::format("Cross-validation with {} folds, stratified by the target, groups of patients kept whole (seed {}). "
                  "Every patient was predicted once, by a model that had seen neither the patient nor the group. "
                  "Patients without a target took no part.",
                  settings["folds"].get<int>(), settings["seed"].get<std::uint64_t>()),
      training(settings),
      models(settings),
      fmt::format("Means, deviations, medians, categories and the choice of genes were fitted on each training part "
                  "alone: {}, {}, {}.",
                  preprocess["standardise"].get<bool>() ? "columns standardised" : "columns not standardised",
                  preprocess["log1p"].get<bool>() ? "expression as ln(1 + x)" : "expression as it is",
                  preprocess["genes"].get<int>() > 0
                      ? fmt::format("the {} most variable genes kept", preprocess["genes"].get<int>())
                      : std::string("all genes kept")),
      fmt::format("Metrics are pooled over all out-of-fold predictions, with 95 % percentile bootstrap intervals over "
                  "patients ({} resamples; whole groups where a cohort has them), and given as mean and standard "
                  "deviation over folds. Models are compared on the same patients: AUCs by DeLong's test, decisions by "
                  "McNemar's exact test, everything else by paired bootstrap; p-values are corrected by Holm's method "
                  "within each family of comparisons, test and cohort. McNemar's test takes patients as independent. "
                  "Intervals speak of the patients, not of the randomness of training: one model was trained a fold.",
                  settings["resamples"].get<int>()),
      fmt::format("Probabilities were calibrated by one temperature a fold, fitted on its validation part. The "
                  "threshold below which a prediction is withheld was chosen on the validation part as well, for at "
                  "most {:.0f} % wrong decisions among those answered. Cells of fewer than {} patients are not shown.",
                  100.0 * kAcceptedRisk, kSmallestCell),
      "A claim holds where the interval of every difference that it speaks of lies on its side, does not hold where "
      "one "
      "lies on the other side, and cannot be told here otherwise. The paper's data is not public and its "
      "hyper-parameters are not printed: its numbers are quoted beside ours, marked as theirs, and cannot be "
      "reproduced."};
}

}  // namespace plait
