#include "study/experiment/comparisons.h"

#include <algorithm>

#include "study/statistics/delong.h"
#include "study/statistics/holm.h"
#include "study/statistics/mcnemar.h"

namespace plait {
namespace {

StudyJson compare(const StudyOptions& options, const std::string& family, const std::string& first_name,
                  const Pooled& first, const std::string& second_name, const Pooled& second) {
  StudyJson entry = {{"family", family}, {"first", first_name}, {"second", second_name}, {"patients", first.count()}};
  StudyJson& differences = entry["differences"] = StudyJson::object();
  for (const Interval& interval :
       bootstrap_differences(first.predictions, second.predictions, bootstrap_of(options, first)))
    differences[interval.name] = interval_json(interval);
  if (first.predictions.task == TaskKind::binary)
    if (const auto test = delong_test(first.predictions.values, second.predictions.values, first.predictions.targets,
                                      0.95, first.group))
      entry["auc_test"] = {
          {"difference", test->difference}, {"lo", test->lo}, {"hi", test->hi}, {"z", test->z}, {"p", test->p}};
  const std::vector<double> first_right = right_decisions(first.predictions);
  if (!first_right.empty()) {
    const McNemarTest test = mcnemar_test(first_right, right_decisions(second.predictions));
    entry["accuracy_test"] = {{"first_only", test.first_only}, {"second_only", test.second_only}, {"p", test.exact_p}};
  }
  return entry;
}

void correct(StudyJson& comparisons, const std::string& family, const char* test) {
  std::vector<StudyJson*> tests;
  std::vector<double> p;
  for (StudyJson& entry : comparisons)
    if (entry["family"] == family && entry.contains(test)) {
      tests.push_back(&entry[test]);
      p.push_back((*tests.back())["p"].get<double>());
    }
  const std::vector<double> adjusted = holm_adjusted(p);
  for (std::size_t i = 0; i < tests.size(); ++i) (*tests[i])["p_holm"] = adjusted[i];
}

}  // namespace

StudyJson comparisons_json(const StudyOptions& options, const CohortJobs& jobs) {
  const StudyCohort& cohort = *jobs.cohort;
  StudyJson list = StudyJson::array();
  std::vector<Pooled> pooled;
  for (const ModelJobs& model : jobs.models) pooled.push_back(pool(cohort, model));
  const auto role = [&](std::size_t i) { return jobs.models[i].model->role; };
  const auto name = [&](std::size_t i) { return jobs.models[i].model->name; };
  const bool has_hybrid = jobs.find("hybrid") != nullptr;
  for (std::size_t a = 0; a < pooled.size(); ++a) {
    if (role(a) != ModelRole::fused) continue;
    const bool speaks = name(a) == "hybrid" || !has_hybrid;
    for (std::size_t b = 0; b < pooled.size(); ++b) {
      // The later one in the list of strategies comes first: hybrid minus early, not the other way round.
      if (role(b) == ModelRole::fused && b < a)
        list.push_back(compare(options, "fusions", name(a), pooled[a], name(b), pooled[b]));
      if (role(b) == ModelRole::variant && name(a) == "hybrid")
        list.push_back(compare(options, "variants", name(a), pooled[a], name(b), pooled[b]));
      if (role(b) != ModelRole::unimodal || !speaks) continue;
      std::vector<std::size_t> known;
      for (std::size_t i = 0; i < pooled[b].count(); ++i)
        if (pooled[b].abstains[i] == 0) known.push_back(i);
      list.push_back(
          compare(options, "unimodal", name(a), select(pooled[a], known), name(b), select(pooled[b], known)));
    }
  }
  for (const char* family : {"fusions", "unimodal", "variants"})
    for (const char* test : {"auc_test", "accuracy_test"}) correct(list, family, test);
  return list;
}

}  // namespace plait
