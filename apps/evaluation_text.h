// An evaluation for people and for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "study/evaluation.h"

namespace plait {

// {n, abstained, targets: [patients], metrics: {auc: {value, lo, hi}, ...}, attention: {modality: mean}}; what is not
// defined is null. docs/predictions.md explains each.
nlohmann::ordered_json evaluation_json(const Evaluation& evaluation, const std::vector<std::string>& modalities);

// A table of the metrics with their intervals, and a line of attention weights where the model has them.
std::string evaluation_text(const Evaluation& evaluation, const std::vector<std::string>& modalities);

// Why a metric may have no value: everybody is of one class, or everybody or nobody has a label. Empty where neither
// is. Classes are not named: they are values of the data.
std::string one_sided_text(const Evaluation& evaluation, const TargetFit& target);

}  // namespace plait
