#include "io/generator/truth_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "io/atomic_file.h"

namespace plait::synth {
namespace {

using Json = nlohmann::ordered_json;

// Nine decimals: enough to compute everything again, and files that compress.
double rounded(double value) {
  return std::round(value * 1e9) / 1e9;
}

Json names_of(unsigned subset) {
  Json names = Json::array();
  for (std::size_t m = 0; m < kModalities; ++m)
    if ((subset >> m & 1u) != 0) names.push_back(kModalityNames[m]);
  return names;
}

Json options_json(const Truth& truth) {
  const SynthOptions& options = truth.options;
  return {{"task", kTaskNames[static_cast<std::size_t>(options.task)]},
          {"patients", options.patients},
          {"seed", options.seed},
          {"prevalence", options.prevalence.value_or(default_prevalence(options.task))},
          {"missing", options.missing},
          {"missing_mechanism", kMechanismNames[static_cast<std::size_t>(options.mechanism)]},
          {"genes", options.genes},
          {"image_size", options.image_size}};
}

Json label_json(const LabelModel& label) {
  Json json = {{"bias", label.bias}, {"weights", Json::object()}, {"interactions", Json::array()}};
  for (std::size_t m = 0; m < kModalities; ++m) json["weights"][kModalityNames[m]] = label.weight[m];
  for (std::size_t p = 0; p < kPairs.size(); ++p)
    json["interactions"].push_back(
        {{"modalities", names_of(1u << kPairs[p][0] | 1u << kPairs[p][1])}, {"weight", label.interaction[p]}});
  return json;
}

Json clinical_json(const ClinicalTable& table) {
  Json json = {{"numeric", Json::array()}, {"categorical", Json::array()}};
  for (const NumericColumn& c : table.numeric)
    json["numeric"].push_back({{"name", c.name},
                               {"skewed", c.skewed},
                               {"centre", c.centre},
                               {"scale", c.scale},
                               {"decimals", c.decimals},
                               {"age", c.age},
                               {"sex", c.sex},
                               {"acute", c.acute},
                               {"signal", c.signal},
                               {"missing", c.missing}});
  for (const CategoricalColumn& c : table.categorical)
    json["categorical"].push_back({{"name", c.name},
                                   {"levels", c.levels},
                                   {"thresholds", c.thresholds},
                                   {"age", c.age},
                                   {"signal", c.signal},
                                   {"missing", c.missing}});
  return json;
}

Json genes_json(const GenePanel& panel) {
  Json json = {{"loading", panel.loading}, {"missing", kMissingExpression}, {"genes", Json::array()}};
  for (std::size_t g = 0; g < panel.genes.size(); ++g) {
    const Gene& gene = panel.genes[g];
    json["genes"].push_back({{"name", GenePanel::name(g)},
                             {"module", gene.module},
                             {"mean", rounded(gene.mean)},
                             {"deviation", rounded(gene.deviation)},
                             {"member", rounded(gene.member)},
                             {"batch", rounded(gene.batch)}});
  }
  return json;
}

Json ceiling_json(const Ceiling& ceiling) {
  Json json = {{"auc", nullptr}, {"expected_auc", rounded(ceiling.expected_auc)}};
  if (ceiling.auc) json["auc"] = rounded(*ceiling.auc);
  return json;
}

Json both_json(const SubsetCeilings& ceilings, std::size_t subset) {
  return {{"latents", ceiling_json(ceilings.latents[subset])}, {"observed", ceiling_json(ceilings.observed[subset])}};
}

Json ceilings_json(const Ceilings& ceilings) {
  Json json = Json::array();
  for (std::size_t subset = 1; subset < kSubsets; ++subset)
    json.push_back({{"modalities", names_of(static_cast<unsigned>(subset))},
                    {"complete", both_json(ceilings.complete, subset)},
                    {"available", both_json(ceilings.available, subset)}});
  return json;
}

Json patient_json(std::int64_t row, const PatientTruth& truth) {
  const Patient& patient = truth.patient;
  Json signals, belief;
  for (std::size_t m = 0; m < kModalities; ++m) {
    signals[kModalityNames[m]] = rounded(patient.signals[m]);
    belief[kModalityNames[m]] = {rounded(truth.belief[m].mean), rounded(std::sqrt(truth.belief[m].variance))};
  }
  Json lesion;
  for (std::size_t j = 0; j < kFindingNames.size(); ++j) lesion[kFindingNames[j]] = rounded(patient.lesion.y[j]);
  lesion["row"] = rounded(patient.lesion.row);
  lesion["column"] = rounded(patient.lesion.column);
  Json modules = Json::array();
  for (const double activity : patient.expression.activity) modules.push_back(rounded(activity));
  return {{"id", patient_id(row)},
          {"available", names_of(patient.available)},
          {"label", patient.positive ? 1 : 0},
          {"probability", rounded(patient.probability)},
          {"signals", std::move(signals)},
          {"belief", std::move(belief)},
          {"observed_probability", rounded(truth.scores.available.observed[kSubsets - 1])},
          {"nuisance",
           {{"age", patient.clinical.age},
            {"sex", patient.clinical.man ? "M" : "F"},
            {"acute", rounded(patient.clinical.acute)},
            {"lesion", std::move(lesion)},
            {"modules", std::move(modules)},
            {"batch", rounded(patient.expression.batch)}}}};
}

}  // namespace

void write_truth(const std::filesystem::path& path, const Truth& truth) {
  Json order = Json::array();
  for (const int m : planted_order(truth.options.task)) order.push_back(kModalityNames[static_cast<std::size_t>(m)]);
  const Population& population = truth.population;
  const Missingness& missing = population.missingness;
  const Json head = {{"format", 1},
                     {"options", options_json(truth)},
                     {"planted_order", order},
                     {"label", label_json(population.label)},
                     {"missingness", {{"rate", missing.rate}, {"offset", missing.offset}, {"slope", missing.slope}}},
                     {"ehr", clinical_json(population.clinical)},
                     {"image", {{"loading", population.lesion}}},
                     {"genomics", genes_json(population.genes)},
                     {"ceilings", ceilings_json(truth.ceilings)},
                     {"availability_mix", both_json(truth.ceilings.available, kSubsets - 1)}};
  AtomicFile file(path);
  file.write("{\n");
  for (const auto& item : head.items()) file.write(Json(item.key()).dump() + ": " + item.value().dump() + ",\n");
  file.write("\"patients\": [\n");
  for (std::size_t row = 0; row < truth.patients.size(); ++row) {
    file.write(patient_json(static_cast<std::int64_t>(row), truth.patients[row]).dump());
    file.write(row + 1 < truth.patients.size() ? ",\n" : "\n");
  }
  file.write("]\n}\n");
  file.commit();
}

}  // namespace plait::synth
