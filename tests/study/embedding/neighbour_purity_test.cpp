#include "study/embedding/neighbour_purity.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/embedding_golden.h"
#include "tests/support/error_of.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;
using Labels = std::vector<std::size_t>;

TEST(NeighbourPurity, AgreesWithScikitLearn) {
  const auto goldens = test::embedding_goldens();
  ASSERT_EQ(goldens.size(), 3u);
  for (const test::EmbeddingGolden& golden : goldens)
    for (const auto& [k, expected] : golden.expected.at("purity").items())
      EXPECT_NEAR(neighbour_purity(golden.points(), golden.label, std::stoul(k))->value, expected.get<double>(), 1e-14)
          << golden.name << " " << k;
}

TEST(NeighbourPurity, HandWorked) {
  // Nearest of 0: 1; of 1: 0; of 3: 1; of 7: 3.
  const Numbers line{0, 1, 3, 7};
  const auto purity = neighbour_purity({line, 1}, Labels{5, 5, 5, 9}, 1);
  ASSERT_TRUE(purity);
  EXPECT_DOUBLE_EQ(purity->value, 0.75);
  EXPECT_DOUBLE_EQ(purity->by_chance, 0.5);
  // Of equally near ones the earlier: 1 and 3 are as near to 2 as each other.
  EXPECT_DOUBLE_EQ(neighbour_purity({Numbers{1, 2, 3}, 1}, Labels{0, 0, 1}, 1)->value, 2.0 / 3.0);
}

TEST(NeighbourPurity, LabelsByChance) {
  std::mt19937 random(6);
  Numbers values;
  Labels label;
  for (int i = 0; i < 1500; ++i) {
    values.push_back(static_cast<double>(random()));
    values.push_back(static_cast<double>(random()));
    label.push_back(random() % 4 == 0 ? 0 : 1);
  }
  const auto purity = neighbour_purity({values, 2}, label, 10);
  EXPECT_NEAR(purity->value, purity->by_chance, 0.02);
}

TEST(NeighbourPurity, FewPointsAndWhatDoesNotFit) {
  const Numbers two{1, 2};
  EXPECT_TRUE(neighbour_purity({two, 1}, Labels{0, 1}, 1));
  EXPECT_FALSE(neighbour_purity({two, 1}, Labels{0, 1}, 2));
  EXPECT_FALSE(neighbour_purity({{}, 1}, {}, 1));
  EXPECT_EQ(test::error_of([&] { neighbour_purity({two, 1}, Labels{0, 1}, 0); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { neighbour_purity({two, 1}, Labels{0}, 1); }).code, ExitCode::internal);
}

}  // namespace
}  // namespace plait
