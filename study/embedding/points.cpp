#include "study/embedding/points.h"

#include "engine/error.h"
#include "study/statistics/finite.h"

namespace plait {

void check_points(const Points& points, std::string_view where) {
  check(points.dimensions >= 1 && points.values.size() % points.dimensions == 0, "[points] values: not whole rows");
  require_finite(points.values, where, "points");
}

double squared_distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t c = 0; c < a.size(); ++c) {
    const double difference = a[c] - b[c];
    sum += difference * difference;
  }
  return sum;
}

}  // namespace plait
