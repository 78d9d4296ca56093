// "did you mean ...": the known name that is closest to a mistyped one.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace plait {

// Levenshtein distance in bytes: insertions, deletions and substitutions cost 1.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate with the smallest distance (the first of equals); nothing where there is no candidate.
std::optional<std::string> nearest_name(std::string_view name, std::span<const std::string> candidates);

}  // namespace plait
