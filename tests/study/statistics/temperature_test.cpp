#include "study/statistics/temperature.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "tests/support/error_of.h"
#include "tests/support/golden.h"

namespace plait {
namespace {

using Numbers = std::vector<double>;

TEST(Temperature, AgreesWithScipysRootOfTheSlope) {
  const auto golden = test::read_golden("statistics.json");
  ASSERT_EQ(golden.at("temperature").size(), 5u);
  for (const auto& c : golden.at("temperature")) {
    const Numbers logits = c.at("logits"), targets = c.at("targets");
    const std::size_t classes = c.at("classes");
    const TemperatureFit fit =
        classes == 1 ? fit_binary_temperature(logits, targets) : fit_multiclass_temperature(logits, targets, classes);
    const auto& expected = c.at("expected");
    EXPECT_NEAR(fit.temperature, expected.at("temperature").get<double>(), 1e-10);
    EXPECT_NEAR(fit.log_loss_before, expected.at("log_loss_before").get<double>(), 1e-12);
    EXPECT_NEAR(fit.log_loss_after, expected.at("log_loss_after").get<double>(), 1e-12);
    EXPECT_FALSE(fit.at_bound);
  }
}

// Outcomes drawn from sigmoid(z): a model that is f times too sure is divided by f.
TEST(Temperature, FindsHowOverconfidentAModelIs) {
  std::mt19937 random(6);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  Numbers logits, labels, sharp, blunt;
  for (int i = 0; i < 20000; ++i) {
    logits.push_back(2.0 * normal(random));
    labels.push_back(uniform(random) < 1.0 / (1.0 + std::exp(-logits.back())) ? 1.0 : 0.0);
    sharp.push_back(4.0 * logits.back());
    blunt.push_back(0.1 * logits.back());
  }
  const TemperatureFit honest = fit_binary_temperature(logits, labels), fit = fit_binary_temperature(sharp, labels);
  EXPECT_NEAR(honest.temperature, 1.0, 0.05);
  EXPECT_NEAR(fit.temperature, 4.0 * honest.temperature, 1e-9);
  EXPECT_NEAR(fit_binary_temperature(blunt, labels).temperature, 0.1 * honest.temperature, 1e-9);
  EXPECT_LT(fit.log_loss_after, fit.log_loss_before);
  EXPECT_NEAR(fit.log_loss_after, honest.log_loss_after, 1e-12);
}

// Two classes with logits (0, z) are one yes/no decision with the logit z.
TEST(Temperature, TwoClassesAreABinaryTask) {
  const Numbers z{2.0, -1.0, 0.5, 1.5, -3.0}, y{1, 0, 0, 1, 1};
  Numbers rows;
  for (const double logit : z) rows.insert(rows.end(), {0.0, logit});
  const TemperatureFit binary = fit_binary_temperature(z, y), both = fit_multiclass_temperature(rows, y, 2);
  EXPECT_NEAR(both.temperature, binary.temperature, 1e-11 * binary.temperature);
  EXPECT_NEAR(both.log_loss_after, binary.log_loss_after, 1e-13);
  const Numbers p = sigmoid_at(3.0, z), both_p = softmax_at(3.0, rows, 2);
  for (std::size_t i = 0; i < z.size(); ++i) EXPECT_NEAR(both_p[2 * i + 1], p[i], 1e-15);
}

TEST(Temperature, WithoutAMinimum) {
  const Numbers z{2.0, -1.0, 3.0}, right{1, 0, 1}, wrong{0, 1, 0};
  const TemperatureFit cold = fit_binary_temperature(z, right), hot = fit_binary_temperature(z, wrong);
  EXPECT_TRUE(cold.at_bound);
  EXPECT_EQ(cold.temperature, kColdest);
  EXPECT_NEAR(cold.log_loss_after, 0.0, 1e-15);
  EXPECT_TRUE(hot.at_bound);
  EXPECT_EQ(hot.temperature, kHottest);
  for (const TemperatureFit& fit :
       {fit_binary_temperature({}, {}), fit_binary_temperature(Numbers{0, 0}, Numbers{0, 1}),
        fit_multiclass_temperature(Numbers{5, 5, 5}, Numbers{1}, 3)}) {
    EXPECT_EQ(fit.temperature, 1.0);
    EXPECT_FALSE(fit.at_bound);
  }
}

TEST(Temperature, HugeLogitsStayFinite) {
  const Numbers z{4000.0, -3000.0, 2500.0, -100.0, 3000.0}, y{1, 0, 0, 0, 1};
  const TemperatureFit fit = fit_binary_temperature(z, y);
  EXPECT_TRUE(std::isfinite(fit.log_loss_before));
  EXPECT_TRUE(fit.at_bound);  // its minimum lies beyond the hottest
  EXPECT_EQ(fit.temperature, kHottest);
  EXPECT_EQ(softmax_at(1.0, Numbers{-4000, 0, 4000}, 3), (Numbers{0, 0, 1}));
}

TEST(Temperature, RefusesWhatDoesNotFit) {
  const Numbers z{1, 2}, y{0, 1};
  EXPECT_EQ(test::error_of([&] { fit_binary_temperature(z, Numbers{1}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { fit_binary_temperature(z, Numbers{1, 2}); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { fit_binary_temperature(Numbers{1, INFINITY}, y); }).code, ExitCode::numeric);
  EXPECT_EQ(test::error_of([&] { fit_multiclass_temperature(z, Numbers{2}, 2); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { fit_multiclass_temperature(z, y, 2); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { fit_multiclass_temperature(z, y, 0); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { sigmoid_at(0.0, z); }).code, ExitCode::internal);
  EXPECT_EQ(test::error_of([&] { softmax_at(-1.0, z, 2); }).code, ExitCode::internal);
}

}  // namespace
}  // namespace plait
