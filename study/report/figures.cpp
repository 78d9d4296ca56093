#include "study/report/figures.h"

#include <fmt/format.h>

#include <algorithm>

namespace plait {
namespace {

std::string label_of(const StudyJson& cohort) {
  return cohort["label"].get<std::string>();
}

std::string slug(const std::string& text) {
  std::string out;
  for (const char c : text) out += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' ? c : '_';
  return out;
}

std::vector<std::string> encoder_lines(const StudyJson& modality) {
  const std::string kind = modality["kind"].get<std::string>();
  if (kind == "image") return {"CNN", "convolutions, pooling,", "dense layer, ReLU"};
  if (kind == "expression") return {"Denoising autoencoder", "its encoder half,", "ReLU"};
  return {"MLP", "two dense layers, ReLU"};
}

std::vector<std::string> input_lines(const StudyJson& modality) {
  std::vector<std::string> lines = {modality["name"].get<std::string>()};
  if (modality.contains("size"))
    lines.push_back(fmt::format("image {} x {}", modality["size"][0].get<int>(), modality["size"][1].get<int>()));
  else
    lines.push_back(fmt::format("{}, {} columns", modality["kind"].get<std::string>(), modality["columns"].get<int>()));
  if (modality["patients"].is_number()) lines.push_back(fmt::format("of {} patients", modality["patients"].get<int>()));
  return lines;
}

}  // namespace

Figure pipeline_figure(const StudyJson& results) {
  const StudyJson& cohort = results["cohorts"][0];
  report::FlowChart chart;
  std::vector<std::vector<std::string>> inputs, encoders;
  for (const StudyJson& modality : cohort["modalities"]) {
    inputs.push_back(input_lines(modality));
    encoders.push_back(encoder_lines(modality));
  }
  const auto keep = number_at(results["settings"]["train"], "modality_keep");
  const auto width = number_at(results["settings"]["model"], "embed_dim");
  chart.columns = {inputs,
                   encoders,
                   {{"Modality dropout", fmt::format("kept with p = {}", number_text(keep, 2)), "in training only;",
                     "absent ones masked"}},
                   {{"Fusion", fmt::format("embeddings of width {:.0f}", width.value_or(0.0)), "early, late, concat,",
                     "attention, hybrid"}},
                   {{"Prediction", cohort["task"].get<std::string>(), "out of fold"}}};
  return {"figure1",
          "Figure 1. From a patient's modalities to a prediction, as it was run on " + label_of(cohort) + ".",
          report::draw(chart)};
}

Figure metric_figure(const StudyJson& results, const std::string& kind, const std::string& name,
                     const std::string& caption) {
  std::vector<report::Svg> panels;
  for (const StudyJson& cohort : results["cohorts"]) {
    const std::string metric = metric_of(cohort, kind);
    if (metric.empty()) continue;
    report::BarChart chart{.title = label_of(cohort) + ": " + metric_title(metric), .rows = {}};
    for (const StudyJson& model : cohort["models"])
      if (model["role"] != "variant")
        chart.rows.push_back(
            estimate(model["name"].get<std::string>(), model["metrics"][metric], model["role"] == "unimodal" ? 0 : 1));
    panels.push_back(report::draw(chart));
  }
  return {name, caption, report::grid(panels, 2)};
}

Figure embedding_figure(const StudyJson& results) {
  std::vector<report::Svg> panels;
  for (const StudyJson& cohort : results["cohorts"])
    for (const StudyJson& entry : at(cohort, "embeddings")) {
      report::ScatterChart chart{.title = label_of(cohort) + ": " + entry["model"].get<std::string>(),
                                 .points = {},
                                 .of_class = {},
                                 .classes = {}};
      for (const StudyJson& point : entry["points"])
        chart.points.push_back({point[0].get<double>(), point[1].get<double>()});
      for (const StudyJson& k : entry["of_class"]) chart.of_class.push_back(k.get<std::size_t>());
      for (const StudyJson& c : cohort["classes"]) chart.classes.push_back(c["name"].get<std::string>());
      panels.push_back(report::draw(chart));
    }
  return {
      "figure4",
      "Figure 4. t-SNE of the first fold's test patients: what each single-modality model and hybrid fusion make of "
      "them. Distances within a map mean something, directions do not.",
      report::grid(panels, 4, 16.0)};
}

Figure comparison_figure(const StudyJson& cohort) {
  const std::string metric = cohort["headline"].get<std::string>();
  report::IntervalChart chart{
      .title = label_of(cohort) + ": differences in " + metric_title(metric), .axis = "first minus second", .rows = {}};
  for (const StudyJson& entry : cohort["comparisons"]) {
    if (entry["family"] == "variants") continue;
    const StudyJson& test = at(entry, "auc_test");
    StudyJson interval = metric == "auc" && test.is_object()
                             ? StudyJson{{"value", test["difference"]}, {"lo", test["lo"]}, {"hi", test["hi"]}}
                             : at(entry["differences"], metric);
    chart.rows.push_back(estimate(entry["first"].get<std::string>() + " - " + entry["second"].get<std::string>(),
                                  interval, entry["family"] == "unimodal" ? 0 : 1));
  }
  return {"differences-" + slug(label_of(cohort)),
          "Paired differences with 95 % intervals; blue: against a single modality, on the patients who have it.",
          report::draw(chart)};
}

std::vector<Figure> trust_figures(const StudyJson& cohort, const std::string& name) {
  const StudyJson& trust = at(model_at(cohort, name), "trust");
  if (!trust.is_object()) return {};
  report::LineChart reliability{.title = label_of(cohort) + ", " + name + ": reliability",
                                .x_axis = "predicted probability",
                                .y_axis = "share in which it came true",
                                .series = {{.label = "perfect",
                                            .points = {{0, 0}, {1, 1}},
                                            .lo = {},
                                            .hi = {},
                                            .marks = false,
                                            .dashed = true,
                                            .colour = 8}}};
  std::size_t colour = 0;
  for (const auto& [label, key] : {std::pair{"as trained", "reliability"},
                                   std::pair{"at the validation part's temperature", "reliability_calibrated"}}) {
    report::Series series{.label = label, .points = {}, .lo = {}, .hi = {}, .colour = colour++};
    for (const StudyJson& bin : trust[key])
      if (bin.contains("outcome"))
        series.points.push_back({bin["confidence"].get<double>(), bin["outcome"]["value"].get<double>()});
    reliability.series.push_back(std::move(series));
  }
  report::LineChart risk{.title = label_of(cohort) + ", " + name + ": risk against coverage",
                         .x_axis = "share of patients answered, the most confident first",
                         .y_axis = "share of wrong decisions",
                         .series = {}};
  std::vector<double> risks = {0.0};
  const auto add = [&](const std::string& label, const StudyJson& curve, std::size_t k) {
    report::Series series{
        .label = label, .points = {}, .lo = {}, .hi = {}, .marks = false, .dashed = k > 0, .colour = k};
    for (const StudyJson& point : curve["points"]) {
      series.points.push_back({point["coverage"].get<double>(), point["risk"].get<double>()});
      risks.push_back(series.points.back().y);
    }
    risk.series.push_back(std::move(series));
  };
  add("all patients", trust["risk_coverage"], 0);
  for (const StudyJson& pattern : trust["patterns"])
    if (pattern.contains("risk_coverage") && risk.series.size() < 6)
      add("those with " + names_text(pattern["modalities"]), pattern["risk_coverage"], risk.series.size());
  risk.y = report::round_range(risks);
  const std::string file = slug(label_of(cohort)) + "-" + slug(name);
  return {{"trust-" + file,
           "Left: of patients told a probability, how often it came true (bins of 11 patients or more). Right: wrong "
           "decisions among the most confident predictions.",
           report::grid({report::draw(reliability), report::draw(risk)}, 2, 32.0)}};
}

Figure robustness_figure(const StudyJson& cohort) {
  const std::string metric = cohort["headline"].get<std::string>();
  report::LineChart chart{.title = label_of(cohort) + ": missing modalities",
                          .x_axis = "share of modalities taken away at inference",
                          .y_axis = metric_title(metric),
                          .series = {}};
  std::vector<double> values;
  std::size_t colour = 0;
  for (const auto& [label, key] : {std::pair{"with modality dropout", "with"}, std::pair{"without", "without"}}) {
    report::Series series{.label = label, .points = {}, .lo = {}, .hi = {}, .colour = colour++};
    for (const StudyJson& point : at(cohort, "robustness")) {
      const StudyJson& interval = point[key];
      if (!number_at(interval, "value") || !number_at(interval, "lo")) continue;
      const double x = point["share"].get<double>();
      series.points.push_back({x, *number_at(interval, "value")});
      series.lo.push_back({x, *number_at(interval, "lo")});
      series.hi.push_back({x, *number_at(interval, "hi")});
      values.insert(values.end(), {*number_at(interval, "lo"), *number_at(interval, "hi")});
    }
    chart.series.push_back(std::move(series));
  }
  chart.y = report::round_range(values);
  return {"robustness-" + slug(label_of(cohort)),
          "Hybrid fusion trained with and without modality dropout; bands: 95 % intervals.", report::draw(chart)};
}

}  // namespace plait
