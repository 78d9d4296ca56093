// The honest part: metrics of a part of a cohort with bootstrap intervals, attention, and what is left when a modality
// is taken away.
#pragma once

#include <string>
#include <vector>

#include "study/bootstrap.h"
#include "study/prediction.h"

namespace plait {

struct Evaluation {
  std::int64_t patients = 0;   // with a target: those the metrics are about
  std::int64_t abstained = 0;  // of these, answered with the training prior
  std::vector<Interval> metrics;
  // How many of them are of each class (binary, multiclass) or have each label (multilabel), in the order of the
  // model's classes or labels; survival: censored patients, events; regression: empty.
  std::vector<std::int64_t> targets;
  std::vector<double> attention;  // a modality; empty for models without
};

inline constexpr int default_resamples = 1000;

// `patients` without a target are left out. Groups of the cohort are resampled whole.
Evaluation evaluate(const MultimodalModel& model, const Dataset& dataset, std::span<const std::int64_t> patients,
                    ModalityMask removed, std::uint64_t seed, int resamples = default_resamples,
                    Trace* trace = nullptr);

}  // namespace plait
