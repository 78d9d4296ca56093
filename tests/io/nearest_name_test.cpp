#include "io/nearest_name.h"

#include <gtest/gtest.h>

namespace plait {
namespace {

// The definition, by recursion.
std::size_t reference(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) return a.size() + b.size();
  const std::size_t replaced = reference(a.substr(1), b.substr(1)) + (a[0] == b[0] ? 0 : 1);
  return std::min({replaced, reference(a.substr(1), b) + 1, reference(a, b.substr(1)) + 1});
}

TEST(NearestName, DistanceIsLevenshtein) {
  const std::string words[] = {"", "a", "seed", "sede", "epochs", "epoch", "batch", "patch", "l2"};
  for (const std::string& a : words)
    for (const std::string& b : words) EXPECT_EQ(edit_distance(a, b), reference(a, b)) << a << " " << b;
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);  // the textbook's example
}

TEST(NearestName, PicksTheFirstOfTheClosest) {
  const std::string known[] = {"momentum", "learning_rate", "epochs", "epoch2"};
  EXPECT_EQ(nearest_name("lerning_rate", known), "learning_rate");
  EXPECT_EQ(nearest_name("epoch", known), "epochs");
  EXPECT_EQ(nearest_name("epoch", {}), std::nullopt);
}

}  // namespace
}  // namespace plait
