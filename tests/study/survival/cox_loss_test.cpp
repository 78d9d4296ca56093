// The loss of predicted risks against the definition, whatever order the patients come in.
#include "study/survival/cox_loss.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/support/cox_problem.h"
#include "tests/support/survival_cohort.h"

namespace plait {
namespace {

TEST(CoxLoss, IsThatOfTheLabelledPatientsOnWhomTheModelDoesNotAbstain) {
  Cohort cohort = test::survival_cohort(50);
  cohort.targets[2 * 7] = cohort.targets[2 * 7 + 1] = NAN;
  const Preprocess fit = fit_preprocess(cohort, test::patient_range(0, 50), {});
  const Dataset dataset(cohort, fit);

  PatientPredictions predictions;
  predictions.patients = test::patient_range(5, 45);
  predictions.outputs = 1;
  predictions.values = random_values<double>(40, 3, -2.0, 2.0);
  predictions.abstains.assign(40, 0);
  predictions.abstains[9] = predictions.abstains[20] = 1;

  CoxProblem expected;
  std::vector<std::size_t> order(40);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return cohort.target(predictions.patients[a]) > cohort.target(predictions.patients[b]);
  });
  for (const std::size_t i : order) {
    const std::int64_t patient = predictions.patients[i];
    if (patient == 7 || predictions.abstains[i] != 0) continue;
    expected.risks.push_back(predictions.values[i]);
    expected.outcomes.push_back(static_cast<float>(cohort.target(patient, 0)));
    expected.outcomes.push_back(static_cast<float>(cohort.target(patient, 1)));
    expected.weights.push_back(1.0f);
  }
  ASSERT_EQ(expected.risks.size(), 37u);
  EXPECT_NEAR(cox_loss(predictions, dataset), cox_reference(expected).value, 1e-12);

  predictions.abstains.assign(40, 1);
  EXPECT_EQ(cox_loss(predictions, dataset), 0.0);
}

}  // namespace
}  // namespace plait
