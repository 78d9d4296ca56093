#include "study/experiment/claims.h"

#include <fmt/format.h>

#include "study/experiment/paper.h"

namespace plait {
namespace {

constexpr const char* kHolds = "holds";
constexpr const char* kFails = "does not hold";
constexpr const char* kOpen = "cannot be told here";

// One measured number of a cohort against what the claim wants of it.
StudyJson evidence(const StudyJson& cohort, const std::string& statement, const StudyJson& interval, double threshold,
                   bool wants_more = true) {
  const char* verdict = kOpen;
  if (interval.is_object() && interval["lo"].is_number()) {
    const double lo = interval["lo"].get<double>(), hi = interval["hi"].get<double>();
    const bool above = lo > threshold, below = hi < threshold;
    if (wants_more ? above : below) verdict = kHolds;
    if (wants_more ? below : above) verdict = kFails;
  }
  const auto number = [&](const char* key) { return interval.is_object() ? interval[key] : StudyJson(nullptr); };
  return {{"cohort", cohort["label"]}, {"statement", statement}, {"value", number("value")}, {"lo", number("lo")},
          {"hi", number("hi")},        {"threshold", threshold}, {"verdict", verdict}};
}

StudyJson claim(const char* id, const char* text, StudyJson pieces) {
  const char* verdict = pieces.empty() ? kOpen : kHolds;
  for (const StudyJson& piece : pieces)
    if (piece["verdict"] == kOpen && verdict == std::string_view(kHolds)) verdict = kOpen;
  for (const StudyJson& piece : pieces)
    if (piece["verdict"] == kFails) verdict = kFails;
  return {{"id", id}, {"claim", text}, {"verdict", verdict}, {"evidence", std::move(pieces)}};
}

const StudyJson* model_of(const StudyJson& cohort, const std::string& name) {
  for (const StudyJson& model : cohort["models"])
    if (model["name"] == name) return &model;
  return nullptr;
}

const StudyJson* comparison_of(const StudyJson& cohort, const std::string& family, const std::string& first,
                               const std::string& second) {
  for (const StudyJson& entry : cohort["comparisons"])
    if (entry["family"] == family && entry["first"] == first && entry["second"] == second) return &entry;
  return nullptr;
}

// A difference of a comparison; of the AUC DeLong's interval.
StudyJson difference(const StudyJson& comparison, const std::string& metric) {
  if (metric == "auc" && comparison.contains("auc_test")) {
    const StudyJson& test = comparison["auc_test"];
    return {{"value", test["difference"]}, {"lo", test["lo"]}, {"hi", test["hi"]}};
  }
  const auto found = comparison["differences"].find(metric);
  return found == comparison["differences"].end() ? StudyJson(nullptr) : *found;
}

std::string headline(const StudyJson& cohort) {
  return cohort["headline"].get<std::string>();
}

bool wants_more(const StudyJson& cohort) {
  return more_is_better(headline(cohort));
}

bool is_about(const StudyJson& cohort, std::string_view task) {
  return cohort["label"].get<std::string>().find(task) != std::string::npos;
}

StudyJson fused_beats_unimodal(const StudyJson& cohorts) {
  StudyJson pieces = StudyJson::array();
  for (const StudyJson& cohort : cohorts)
    for (const StudyJson& entry : cohort["comparisons"])
      if (entry["family"] == "unimodal" && entry["first"] == "hybrid")
        pieces.push_back(evidence(cohort,
                                  fmt::format("{} of hybrid minus {} alone, patients who have it", headline(cohort),
                                              entry["second"].get<std::string>()),
                                  difference(entry, headline(cohort)), 0.0, wants_more(cohort)));
  return pieces;
}

StudyJson hybrid_beats_fusions(const StudyJson& cohorts) {
  StudyJson pieces = StudyJson::array();
  for (const StudyJson& cohort : cohorts)
    for (const std::string other : {"early", "late"})
      if (const StudyJson* entry = comparison_of(cohort, "fusions", "hybrid", other))
        for (const std::string metric : {"auc", "f1", "precision", "recall"}) {
          const StudyJson interval = difference(*entry, metric);
          if (!interval.is_null())
            pieces.push_back(evidence(cohort, metric + " of hybrid minus " + other, interval, 0.0));
        }
  return pieces;
}

// What it costs hybrid to lose a modality, `scale` being "accuracy" where there is one.
StudyJson every_modality_counts(const StudyJson& cohorts) {
  StudyJson pieces = StudyJson::array();
  for (const StudyJson& cohort : cohorts) {
    const StudyJson* hybrid = model_of(cohort, "hybrid");
    if (hybrid == nullptr) continue;
    for (const StudyJson& entry : (*hybrid)["removals"]) {
      if (entry["removed"].size() != 1) continue;
      const std::string metric = entry["cost"].contains("accuracy") ? "accuracy" : headline(cohort);
      pieces.push_back(evidence(
          cohort, fmt::format("{} with everything minus without {}", metric, entry["removed"][0].get<std::string>()),
          entry["cost"][metric], 0.0, more_is_better(metric)));
    }
  }
  return pieces;
}

StudyJson ehr_f1_low(const StudyJson& cohorts) {
  StudyJson pieces = StudyJson::array();
  for (const StudyJson& cohort : cohorts)
    if (const StudyJson* ehr = model_of(cohort, "ehr"); is_about(cohort, "cancer") && ehr != nullptr)
      pieces.push_back(
          evidence(cohort, "F1 of ehr alone, below the threshold", (*ehr)["metrics"]["f1"], paper::kEhrF1Below, false));
  return pieces;
}

StudyJson fused_f1_high(const StudyJson& cohorts) {
  StudyJson pieces = StudyJson::array();
  for (const StudyJson& cohort : cohorts)
    if (const StudyJson* hybrid = model_of(cohort, "hybrid"); hybrid != nullptr && (*hybrid)["metrics"].contains("f1"))
      pieces.push_back(evidence(cohort, "F1 of hybrid", (*hybrid)["metrics"]["f1"], paper::kFusedF1Above));
  return pieces;
}

// A rare disease: fewer than one in ten.
StudyJson genomics_recall(const StudyJson& cohorts) {
  StudyJson pieces = StudyJson::array();
  for (const StudyJson& cohort : cohorts) {
    const StudyJson* genomics = model_of(cohort, "genomics");
    if (genomics == nullptr || !cohort.contains("prevalence") || cohort["prevalence"].get<double>() >= 0.10) continue;
    pieces.push_back(
        evidence(cohort, "recall of genomics alone, below one half", (*genomics)["metrics"]["recall"], 0.5, false));
    if (const StudyJson* entry = comparison_of(cohort, "unimodal", "hybrid", "genomics"))
      pieces.push_back(evidence(cohort, "recall of hybrid minus genomics alone, patients who have it",
                                difference(*entry, "recall"), 0.0));
  }
  return pieces;
}

// Means of attention are compared by their intervals, which overlap or do not.
StudyJson attention_leans(const StudyJson& cohorts, const char* model_name) {
  StudyJson pieces = StudyJson::array();
  for (const StudyJson& cohort : cohorts)
    for (const paper::Lean& lean : paper::kAttention) {
      const StudyJson* model = model_of(cohort, model_name);
      if (!is_about(cohort, lean.task) || model == nullptr) continue;
      const StudyJson& attention = (*model)["attention"];
      if (!attention.contains(lean.modality) || attention.size() < 2) continue;
      double rival = 0.0;
      for (const auto& [name, weight] : attention.items())
        if (name != lean.modality && weight["hi"].is_number()) rival = std::max(rival, weight["hi"].get<double>());
      double lowest_rival = 0.0;
      for (const auto& [name, weight] : attention.items())
        if (name != lean.modality && weight["lo"].is_number())
          lowest_rival = std::max(lowest_rival, weight["lo"].get<double>());
      const StudyJson& own = attention[std::string(lean.modality)];
      StudyJson piece = evidence(cohort,
                                 fmt::format("attention of {} on {}, above the upper end of every other modality's",
                                             model_name, lean.modality),
                                 own, rival);
      // Below the largest rival's upper end is not yet below that rival.
      if (piece["verdict"] == kFails && own["hi"].get<double>() >= lowest_rival) piece["verdict"] = kOpen;
      pieces.push_back(std::move(piece));
    }
  return pieces;
}

StudyJson embeddings_cluster(const StudyJson& cohorts) {
  StudyJson pieces = StudyJson::array();
  for (const StudyJson& cohort : cohorts)
    if (cohort.contains("embeddings"))
      for (const StudyJson& entry : cohort["embeddings"])
        if (entry.contains("purity_gain"))
          pieces.push_back(evidence(cohort,
                                    fmt::format("neighbourhood purity of hybrid minus {} alone, patients who have it",
                                                entry["model"].get<std::string>()),
                                    entry["purity_gain"], 0.0));
  return pieces;
}

StudyJson hybrid_most_flexible(const StudyJson& cohorts) {
  StudyJson pieces = StudyJson::array();
  for (const StudyJson& cohort : cohorts)
    if (cohort.contains("missing_comparisons"))
      for (const StudyJson& entry : cohort["missing_comparisons"])
        pieces.push_back(
            evidence(cohort,
                     fmt::format("{} of hybrid minus {}, both without {}", headline(cohort),
                                 entry["second"].get<std::string>(), entry["removed"][0].get<std::string>()),
                     entry["difference"], 0.0, wants_more(cohort)));
  return pieces;
}

StudyJson dropout_helps(const StudyJson& cohorts) {
  StudyJson pieces = StudyJson::array();
  for (const StudyJson& cohort : cohorts)
    if (cohort.contains("robustness"))
      for (const StudyJson& point : cohort["robustness"])
        if (point["share"] == 0.5)
          pieces.push_back(evidence(cohort,
                                    headline(cohort) + " with modality dropout minus without, half of all modalities "
                                                       "taken away",
                                    point["difference"], 0.0, wants_more(cohort)));
  return pieces;
}

}  // namespace

StudyJson claims_json(const StudyJson& cohorts) {
  return StudyJson::array(
      {claim("fused-beats-unimodal", "The multi-modal model does better than every single modality, in every task.",
             fused_beats_unimodal(cohorts)),
       claim("hybrid-beats-early-late",
             "Hybrid fusion is better than early and late fusion by every measure (Table 1).",
             hybrid_beats_fusions(cohorts)),
       claim("every-modality-counts", "Taking any modality away at inference costs accuracy (Table 2).",
             every_modality_counts(cohorts)),
       claim("ehr-f1", "EHR alone stays below an F1 of .72 on early cancer (Figure 3).", ehr_f1_low(cohorts)),
       claim("fused-f1", "The fused model reaches an F1 above .85 each time (Figure 3).", fused_f1_high(cohorts)),
       claim("genomics-recall", "Genomics alone recalls poorly when the disease is rare (Figure 3).",
             genomics_recall(cohorts)),
       claim("embeddings", "Fused embeddings separate the classes better than unimodal ones (Figure 4).",
             embeddings_cluster(cohorts)),
       claim("flexible", "Hybrid fusion copes better with missing modalities than early and late fusion.",
             hybrid_most_flexible(cohorts)),
       claim("attention-fusion",
             "Attention leans on genomics in oncology, imaging in cardiology, EHR in metabolic disease (attention "
             "fusion).",
             attention_leans(cohorts, "attention")),
       claim("attention-hybrid", "The same of hybrid fusion's attention.", attention_leans(cohorts, "hybrid")),
       claim("dropout", "Modality dropout makes the model robust to missing modalities.", dropout_helps(cohorts))});
}

}  // namespace plait
