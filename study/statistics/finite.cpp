#include "study/statistics/finite.h"

#include <cmath>
#include <string>

#include "engine/error.h"

namespace plait {

namespace {

std::string place(std::string_view where, std::string_view what, std::string_view is, std::size_t row) {
  return "[" + std::string(where) + "] " + std::string(what) + ": " + std::string(is) + " in row " +
         std::to_string(row);
}

}  // namespace

void require_finite(std::span<const double> values, std::string_view where, std::string_view what) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i])) throw Error(ExitCode::numeric, place(where, what, "not a finite number", i));
}

void require_zero_or_one(std::span<const double> values, std::string_view where, std::string_view what) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] != 0.0 && values[i] != 1.0) throw Error(ExitCode::internal, place(where, what, "neither 0 nor 1", i));
}

}  // namespace plait
