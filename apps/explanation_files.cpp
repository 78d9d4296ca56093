#include "apps/explanation_files.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "apps/counted.h"
#include "apps/text_table.h"
#include "io/formats/csv_writer.h"
#include "study/explain/game.h"

namespace plait {
namespace {

using Json = nlohmann::ordered_json;

// Several outputs have columns of their own; of one there is nothing more to say.
bool has_output_columns(const PatientExplanations& all) {
  return all.outputs > 1;
}

void write_header(CsvWriter& csv, const RunCohort& opened, const PatientExplanations& all,
                  const std::vector<std::string>& outputs) {
  csv.text("patient_id").text("output").text("value").text("prior");
  for (const char* measure : {"shapley_", "ablation_", "weight_", "has_"})
    for (const std::string& name : opened.modalities) csv.text(measure + name);
  csv.text("disagree").text("abstain").text("columns_change").text("columns_error");
  if (has_output_columns(all))
    for (const std::string& output : outputs) {
      csv.text("value_" + output);
      for (const std::string& name : opened.modalities) csv.text("shapley_" + name + "_" + output);
    }
  csv.end_row();
}

void interval_cells(CsvWriter& csv, const MeanInterval& interval) {
  for (const std::optional<double>& number : {interval.value, interval.lo, interval.hi}) {
    if (number)
      csv.number(*number);
    else
      csv.missing();
  }
}

Json interval_json(const MeanInterval& interval) {
  const auto number = [](const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); };
  return {{"value", number(interval.value)}, {"lo", number(interval.lo)}, {"hi", number(interval.hi)}};
}

std::string interval_text(const MeanInterval& interval) {
  if (!interval.value) return "-";
  if (!interval.lo) return fmt::format("{:.4f}", *interval.value);
  return fmt::format("{:.4f} [{:.4f}, {:.4f}]", *interval.value, *interval.lo, *interval.hi);
}

}  // namespace

void write_explanations(const std::filesystem::path& path, const RunCohort& opened, const PatientExplanations& all,
                        const Features& features) {
  const std::vector<std::string> outputs = output_names(opened.trained.fit.target);
  CsvWriter csv(path);
  write_header(csv, opened, all, outputs);
  for (std::size_t i = 0; i < all.count(); ++i) {
    const std::size_t explained = all.explained[i];
    csv.text(opened.cohort->ids[static_cast<std::size_t>(all.patients[i])]).text(outputs[explained]);
    csv.number(all.value[i * all.outputs + explained]).number(all.prior[explained]);
    for (const double phi : all.of_output(all.shapley, i, explained)) csv.number(phi);
    for (const double lost : all.of_output(all.ablation, i, explained)) csv.number(lost);
    for (std::size_t m = 0; m < all.modalities; ++m) {
      if (all.weights.empty())
        csv.missing();
      else
        csv.number(static_cast<double>(all.weights_of(i)[m]));
    }
    for (std::size_t m = 0; m < all.modalities; ++m)
      csv.integer(has_modality(all.available[i], static_cast<int>(m)) ? 1 : 0);
    csv.integer(all.disagrees[i]).integer(all.abstains[i]);
    if (features.empty())
      csv.missing().missing();
    else
      csv.number(features.change[i]).number(features.error[i]);
    if (has_output_columns(all))
      for (std::size_t k = 0; k < all.outputs; ++k) {
        csv.number(all.value[i * all.outputs + k]);
        for (const double phi : all.of_output(all.shapley, i, k)) csv.number(phi);
      }
    csv.end_row();
  }
  csv.close();
}

void write_global_table(const std::filesystem::path& path, const RunCohort& opened, const GlobalExplanation& global) {
  CsvWriter csv(path);
  csv.text("modality").text("patients");
  for (const std::string measure :
       {"shapley", "ablation", "shapley_auc", "ablation_auc", "attention", "size_of_shapley", "size_of_ablation"})
    csv.text(measure).text(measure + "_lo").text(measure + "_hi");
  csv.end_row();
  for (std::size_t m = 0; m < opened.modalities.size(); ++m) {
    const ModalityImportance& modality = global.modalities[m];
    csv.text(opened.modalities[m]).integer(modality.patients);
    for (const MeanInterval& interval :
         {modality.shapley, modality.ablation, global.auc.shapley[m], global.auc.ablation[m], modality.attention,
          modality.size_of_shapley, modality.size_of_ablation})
      interval_cells(csv, interval);
    csv.end_row();
  }
  csv.close();
}

Json global_json(const RunCohort& opened, const GlobalExplanation& global) {
  Json modalities = Json::object(), differences = Json::array(), agreement = Json::array();
  for (std::size_t m = 0; m < opened.modalities.size(); ++m) {
    const ModalityImportance& modality = global.modalities[m];
    modalities[opened.modalities[m]] = {{"patients", modality.patients},
                                        {"shapley", interval_json(modality.shapley)},
                                        {"ablation", interval_json(modality.ablation)},
                                        {"shapley_auc", interval_json(global.auc.shapley[m])},
                                        {"ablation_auc", interval_json(global.auc.ablation[m])},
                                        {"attention", interval_json(modality.attention)},
                                        {"size_of_shapley", interval_json(modality.size_of_shapley)},
                                        {"size_of_ablation", interval_json(modality.size_of_ablation)}};
  }
  for (std::size_t k = 0; k < global.differences.size(); ++k)
    differences.push_back({{"first", opened.modalities[global.differences[k].first]},
                           {"second", opened.modalities[global.differences[k].second]},
                           {"shapley", interval_json(global.differences[k].shapley)},
                           {"shapley_auc", interval_json(global.auc.differences[k])}});
  for (const Agreement& pair : global.agreement)
    agreement.push_back({{"first", pair.first},
                         {"second", pair.second},
                         {"same_order", pair.same_order},
                         {"same_first", pair.same_first}});
  return {{"n", global.patients},
          {"labelled", global.labelled},
          {"abstained", global.abstained},
          {"fusion", opened.trained.config.model.fusion},
          {"loss_name", loss_name(opened.trained.fit.target.task)},
          {"loss", interval_json(global.loss)},
          {"prior_loss", interval_json(global.prior_loss)},
          {"auc", interval_json(global.auc.auc)},
          {"modalities", modalities},
          {"differences", differences},
          {"compared", global.compared},
          {"disagree", global.disagree},
          {"agreement", agreement},
          {"notes", explanation_notes(opened, global)}};
}

std::vector<std::string> explanation_notes(const RunCohort& opened, const GlobalExplanation& global) {
  const MultimodalModel& model = *opened.trained.model;
  std::vector<std::string> notes;
  if (model.only_modality() >= 0)
    notes.push_back("the model reads " + opened.modalities[static_cast<std::size_t>(model.only_modality())] +
                    " alone: everything it says is that modality's, and there is nothing to rank");
  else if (!model.has_attention())
    notes.push_back("fusion \"" + model.config().fusion + "\" has no attention: weights are left empty");
  if (model.has_attention() && model.config().missing == MissingRule::zero)
    notes.push_back("missing = \"zero\" gives absent modalities attention too; their Shapley values are 0");
  if (opened.trained.fit.target.task == TaskKind::survival)
    notes.push_back("survival: a patient has no loss of his own, so what a modality is worth to it is left empty");
  else if (global.labelled == 0)
    notes.push_back("nobody has a target: what a modality is worth to the loss is left empty");
  return notes;
}

std::string global_text(const RunCohort& opened, const GlobalExplanation& global) {
  TextTable table(
      {"modality", "patients", "Shapley: loss saved", "loss without it", "Shapley: AUC gained", "mean attention"});
  for (std::size_t m = 0; m < opened.modalities.size(); ++m) {
    const ModalityImportance& modality = global.modalities[m];
    table.add({opened.modalities[m], std::to_string(modality.patients), interval_text(modality.shapley),
               interval_text(modality.ablation), interval_text(global.auc.shapley[m]),
               interval_text(modality.attention)});
  }
  std::string text = table.text();
  if (global.loss.value)
    text += fmt::format("  {}: {}, of the prior {}\n", loss_name(opened.trained.fit.target.task),
                        interval_text(global.loss), interval_text(global.prior_loss));
  if (global.compared > 0 && opened.trained.model->only_modality() < 0) {
    text += fmt::format("  of {} with two modalities or more, ranked in the same order (the same one first):\n",
                        counted(global.compared, "patient"));
    for (const Agreement& pair : global.agreement)
      text += fmt::format("    {} and {}: {} ({})\n", pair.first, pair.second, pair.same_order, pair.same_first);
  }
  for (const std::string& note : explanation_notes(opened, global)) text += "  note: " + note + "\n";
  return text;
}

}  // namespace plait
