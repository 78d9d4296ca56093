// Patients as points: one row of an embedding each.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace plait {

// values[n, dimensions] row-major. Borrowed.
struct Points {
  std::span<const double> values;
  std::size_t dimensions = 1;

  std::size_t size() const { return values.size() / dimensions; }
  std::span<const double> operator[](std::size_t i) const { return values.subspan(i * dimensions, dimensions); }
};

// Throws ExitCode::internal for dimensions of 0 or values that are no whole rows, numeric where one is not finite.
void check_points(const Points& points, std::string_view where);

// Sum of squared differences of two rows of the same length, in the order of the columns.
double squared_distance(std::span<const double> a, std::span<const double> b);

}  // namespace plait
