#include "engine/metrics/predictions.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/error.h"

namespace plait {

namespace {

// Room for probabilities rounded in single precision; a logit is soon outside.
constexpr double kProbabilitySlack = 1e-5;

std::string at_row(std::size_t row) {
  return "[metrics] row " + std::to_string(row) + ": ";
}

// column: of a patient's targets.
bool valid_target(const Predictions& p, double target, std::size_t column) {
  switch (p.task) {
    case TaskKind::binary:
    case TaskKind::multilabel:
      return target == 0.0 || target == 1.0;
    case TaskKind::multiclass:
      return target >= 0.0 && target < static_cast<double>(p.outputs) && target == std::floor(target);
    case TaskKind::regression:
      return std::isfinite(target);
    case TaskKind::survival:
      return column == 0 ? std::isfinite(target) && target > 0.0 : target == 0.0 || target == 1.0;
  }
  return false;
}

}  // namespace

void check_predictions(const Predictions& p) {
  const bool real_valued = p.task == TaskKind::regression || p.task == TaskKind::survival;
  const bool one_output = p.task == TaskKind::binary || real_valued;
  check(!one_output || p.outputs == 1, "[metrics] outputs: a binary, regression or survival task has one");
  check(p.outputs > 0 || p.values.empty(), "[metrics] outputs: 0, but there are values");
  check(p.outputs == 0 || p.values.size() % p.outputs == 0, "[metrics] values: not a multiple of the outputs");
  const std::size_t outputs = std::max<std::size_t>(1, p.outputs);  // of 0 there are no values
  const std::size_t targets_per_patient = p.task == TaskKind::multilabel ? outputs
                                          : p.task == TaskKind::survival ? 2
                                                                         : 1;
  check(p.targets.size() == p.patients() * targets_per_patient, "[metrics] targets: not as many as the values need");

  for (std::size_t i = 0; i < p.values.size(); ++i) {
    if (!std::isfinite(p.values[i])) throw Error(ExitCode::numeric, at_row(i / outputs) + "a prediction is not finite");
    const bool in_range = p.values[i] >= -kProbabilitySlack && p.values[i] <= 1.0 + kProbabilitySlack;
    if (!real_valued && !in_range)
      throw Error(ExitCode::internal, at_row(i / outputs) + "not a probability (logits must be squashed first)");
  }
  for (std::size_t i = 0; i < p.targets.size(); ++i)
    if (!valid_target(p, p.targets[i], i % targets_per_patient))
      throw Error(ExitCode::internal, at_row(i / targets_per_patient) + "the target does not fit a " +
                                          std::string(task_name(p.task)) + " task");
}

}  // namespace plait
