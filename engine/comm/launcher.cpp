#include "engine/comm/launcher.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace plait {
namespace {

std::optional<int> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

std::optional<Launch> launch_environment() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"})
    if (const auto size = number_in(variable); size && *size > 0) return Launch{.variable = variable, .size = *size};
  for (const char* variable : {"PMIX_RANK", "PMI_RANK"})
    if (number_in(variable)) return Launch{.variable = variable, .size = number_in("SLURM_STEP_NUM_TASKS").value_or(0)};
  return std::nullopt;
}

}  // namespace plait
