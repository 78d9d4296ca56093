// Points in round groups, for tests of what finds or shows them.
#pragma once

#include <cstddef>
#include <random>
#include <vector>

namespace plait::test {

struct PointGroups {
  std::vector<double> values;  // [n, dimensions]
  std::vector<std::size_t> label;
};

// Group of point i: i % groups. Centres have a standard deviation of `distance` a coordinate, points of 1 around them.
inline PointGroups point_groups(unsigned seed, std::size_t n, std::size_t dimensions, std::size_t groups,
                                double distance) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> centre(groups * dimensions);
  for (double& c : centre) c = distance * normal(random);
  PointGroups points;
  for (std::size_t i = 0; i < n; ++i) {
    points.label.push_back(i % groups);
    for (std::size_t c = 0; c < dimensions; ++c)
      points.values.push_back(centre[i % groups * dimensions + c] + normal(random));
  }
  return points;
}

}  // namespace plait::test
