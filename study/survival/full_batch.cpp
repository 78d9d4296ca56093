#include "study/survival/full_batch.h"

#include <algorithm>
#include <string>

#include "engine/error.h"

namespace plait {

void require_survival_settings(const RunConfig& config, int ranks) {
  if (ranks > 1 || config.distributed.shards > 1)
    fail_usage(
        "a survival model is trained on one rank with distributed.shards = 1: every step compares each event with "
        "everybody still at risk, and a part of a batch knows only its own");
  if (config.train.balanced_class_weights)
    fail_usage("train.class_weights = \"balanced\" is for classes; a survival cohort has none");
  if (config.model.fusion == "late" && config.model.late_mean == LateMean::stacked)
    fail_usage(
        "model.late_mean = \"stacked\" is not available for survival: use \"probability\" or \"logit\", which both "
        "are the mean of the risks");
}

void order_by_time(std::vector<std::int64_t>& patients, const Dataset& dataset, const char* part) {
  if (patients.empty()) return;
  const auto has_event = [&](std::int64_t patient) { return dataset.target(patient)[1] == 1.0f; };
  if (std::none_of(patients.begin(), patients.end(), has_event))
    fail_usage(std::string("nobody of the ") + part +
               " part whom the model can read has an event: the loss is not defined there (another train.seed, or "
               "another share of patients in train.test and train.validation, may help)");
  std::stable_sort(patients.begin(), patients.end(),
                   [&](std::int64_t a, std::int64_t b) { return dataset.target(a)[0] > dataset.target(b)[0]; });
}

}  // namespace plait
