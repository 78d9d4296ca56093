// The figures of a study, drawn from results.json and nothing else.
#pragma once

#include "study/report/numbers.h"

namespace plait {

struct Figure {
  std::string name;  // of its file in figures/, without .svg
  std::string caption;
  report::Svg svg;
};

Figure pipeline_figure(const StudyJson& results);  // Figure 1
// Figures 2 and 3: one metric of every model, a panel a cohort.
Figure metric_figure(const StudyJson& results, const std::string& kind, const std::string& name,
                     const std::string& caption);
// Figure 4: maps of test embeddings; no panel for cohorts without.
Figure embedding_figure(const StudyJson& results);
// Differences between fusions in a cohort's headline metric.
Figure comparison_figure(const StudyJson& cohort);
// Reliability before and after temperature scaling, and risk against coverage by what patients have, of one model.
std::vector<Figure> trust_figures(const StudyJson& cohort, const std::string& model);
// The metric against the share of modalities taken away, with and without modality dropout.
Figure robustness_figure(const StudyJson& cohort);

}  // namespace plait
