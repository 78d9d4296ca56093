#include "engine/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace plait {

double scheduled_learning_rate(ScheduleKind kind, double base, std::int64_t warmup_steps, std::int64_t total_steps,
                               std::int64_t step) {
  if (step < warmup_steps) return base * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  if (kind == ScheduleKind::constant) return base;
  const auto span = static_cast<double>(std::max<std::int64_t>(1, total_steps - warmup_steps));
  const double done = std::min(1.0, static_cast<double>(step - warmup_steps) / span);
  return base * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
}

}  // namespace plait
