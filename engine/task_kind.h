// What a model predicts; decides the head, the loss and the metrics.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace plait {

enum class TaskKind { binary, multiclass, multilabel, regression, survival };

inline constexpr std::array<std::pair<TaskKind, std::string_view>, 5> kTaskNames{{
    {TaskKind::binary, "binary"},
    {TaskKind::multiclass, "multiclass"},
    {TaskKind::multilabel, "multilabel"},
    {TaskKind::regression, "regression"},
    {TaskKind::survival, "survival"},
}};

// The name as written in cohort.toml.
constexpr std::string_view task_name(TaskKind task) {
  for (const auto& [kind, name] : kTaskNames)
    if (kind == task) return name;
  return "unknown";
}

// The inverse; nothing for any other word.
constexpr std::optional<TaskKind> task_from_name(std::string_view word) {
  for (const auto& [kind, name] : kTaskNames)
    if (name == word) return kind;
  return std::nullopt;
}

}  // namespace plait
