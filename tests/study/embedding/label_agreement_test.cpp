#include "study/embedding/label_agreement.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/support/error_of.h"
#include "tests/support/golden.h"

namespace plait {
namespace {

using Labels = std::vector<std::size_t>;

TEST(LabelAgreement, AgreesWithScikitLearn) {
  const auto golden = test::read_golden("embedding.json");
  ASSERT_EQ(golden.at("agreement").size(), 8u);
  for (const auto& c : golden.at("agreement")) {
    SCOPED_TRACE(c.at("name").get<std::string>());
    const Labels first = c.at("first"), second = c.at("second");
    for (const bool swapped : {false, true}) {
      const Labels &a = swapped ? second : first, &b = swapped ? first : second;
      EXPECT_NEAR(adjusted_rand_index(a, b), c.at("adjusted_rand_index").get<double>(), 1e-14);
      EXPECT_NEAR(normalised_mutual_information(a, b), c.at("normalised_mutual_information").get<double>(), 1e-13);
    }
  }
}

// Pairs of points counted one by one.
TEST(LabelAgreement, RandIndexFromAllPairs) {
  std::mt19937 random(4);
  for (const std::size_t n : {5u, 40u, 150u}) {
    Labels first(n), second(n);
    for (std::size_t i = 0; i < n; ++i) {
      first[i] = 10 * (random() % 4);
      second[i] = random() % 2 == 0 ? first[i] : random() % 3;
    }
    double both = 0, in_first = 0, in_second = 0, all = 0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < i; ++j) {
        all += 1;
        in_first += first[i] == first[j];
        in_second += second[i] == second[j];
        both += first[i] == first[j] && second[i] == second[j];
      }
    const double chance = in_first * in_second / all;
    EXPECT_NEAR(adjusted_rand_index(first, second), (both - chance) / ((in_first + in_second) / 2 - chance), 1e-13);
  }
}

TEST(LabelAgreement, TwentyThousandPoints) {
  std::mt19937 random(5);
  Labels first, second;
  for (int i = 0; i < 20000; ++i) {
    first.push_back(random() % 7);
    second.push_back(random() % 5);
  }
  EXPECT_NEAR(adjusted_rand_index(first, second), 0.0, 0.002);
  EXPECT_NEAR(normalised_mutual_information(first, second), 0.0, 0.002);
  EXPECT_EQ(adjusted_rand_index(first, first), 1.0);
  EXPECT_NEAR(normalised_mutual_information(first, first), 1.0, 1e-14);
}

TEST(LabelAgreement, NobodyAndWhatDoesNotFit) {
  EXPECT_EQ(adjusted_rand_index({}, {}), 1.0);
  EXPECT_EQ(normalised_mutual_information({}, {}), 1.0);
  EXPECT_EQ(test::error_of([] { adjusted_rand_index(Labels{1}, {}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([] { normalised_mutual_information(Labels{1}, {}); }).code, ExitCode::internal);
}

}  // namespace
}  // namespace plait
