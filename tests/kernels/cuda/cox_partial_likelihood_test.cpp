// Cox's partial likelihood on a device against the CPU and, where a chunk ends inside a tie, against its definition.
#include "kernels/cox_partial_likelihood.h"

#include "tests/support/cox_problem.h"
#include "tests/support/device_matrix.h"

namespace plait::testing {
namespace {

class CoxPartialLikelihood : public DeviceTest {
 protected:
  template <class T>
  void expect_cpu(CoxProblem problem, std::int64_t padding = 0) {
    SCOPED_TRACE(::testing::Message() << problem.batch() << " patients, " << sizeof(T) << " B");
    std::vector<float> risks;
    for (const double x : problem.risks) risks.push_back(static_cast<float>(x));
    risks = as_seen<T>(risks);
    for (std::size_t b = 0; b < risks.size(); ++b)
      if (problem.weights[b] == 0.0f) risks[b] = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> old = as_seen<T>(random_values<float>(problem.batch(), 7));

    const DeviceMatrix<T> x(problem.batch(), 1, risks, stream, padding);
    const DeviceArray<float> outcomes(problem.outcomes, stream), weights(problem.weights, stream);
    const DeviceArray<double> value(1, stream);
    const DeviceArray<std::byte> workspace(gpu::cox_workspace_bytes(problem.batch()), stream);
    for (const GradMode mode : {GradMode::overwrite, GradMode::accumulate, GradMode::ignore}) {
      // In double, from the risks that the device sees: only roundings of its gradient to T are left.
      std::vector<double> in_double(risks.begin(), risks.end()), expected(old.begin(), old.end());
      std::vector<std::byte> scratch(cpu::cox_workspace_bytes(problem.batch()));
      double expected_value = -1.0;
      CoxParams p{.batch = problem.batch(), .stride = 1, .coefficient = 1.5};
      cpu::cox_partial_likelihood<double>(p, in_double.data(), problem.outcomes.data(), problem.weights.data(),
                                          &expected_value, {expected.data(), mode}, scratch.data());
      p.stride = x.stride();
      std::vector<float> first;
      for (int repeat = 0; repeat < 2; ++repeat) {
        const DeviceMatrix<T> dx = mode == GradMode::overwrite
                                       ? DeviceMatrix<T>(problem.batch(), 1, stream, padding)
                                       : DeviceMatrix<T>(problem.batch(), 1, old, stream, padding);
        gpu::cox_partial_likelihood<T>(p, x.data(), outcomes.data(), weights.data(), value.data(), {dx.data(), mode},
                                       workspace.data(), stream);
        const std::vector<float> got = dx.values();
        EXPECT_TRUE(all_near(got, expected, sizeof(T) == 2 ? 4e-3 : 2e-7, 1e-7));
        EXPECT_TRUE(dx.canaries_intact());
        EXPECT_NEAR(value.host()[0], expected_value, 1e-12 * (1.0 + std::fabs(expected_value)));
        if (repeat == 1) {
          EXPECT_TRUE(all_equal(got, first));
        }
        first = got;
      }
    }
  }
};

TEST_F(CoxPartialLikelihood, AgreesWithTheCpu) {
  for (const std::int64_t batch : {0, 1, 2, 31, 33, 500, 512, 513, 1300})
    for (const std::uint32_t times : {1u, 5u, 100000u})
      expect_cpu<float>(random_cox_problem(batch, times, 0.5, static_cast<std::uint32_t>(batch) + times));
  expect_cpu<float>(random_cox_problem(70, 9, 0.5), 3);
  expect_cpu<bf16>(random_cox_problem(600, 40, 0.5));
}

// Four chunks, two times: both ties reach over ends of chunks, and the second one begins in the middle of one.
TEST_F(CoxPartialLikelihood, TiesReachOverChunks) {
  CoxProblem problem = random_cox_problem(3 * gpu::cox_threads + 5, 1, 0.7);
  for (std::size_t b = 0; b < problem.risks.size(); ++b)
    problem.outcomes[2 * b] = b < static_cast<std::size_t>(gpu::cox_threads) + 100 ? 7.0f : 3.0f;
  expect_cpu<float>(problem);
}

TEST_F(CoxPartialLikelihood, HugeRisks) {
  for (const bool rising : {false, true}) {
    CoxProblem problem = random_cox_problem(700, 300, 0.5);
    for (std::size_t b = 0; b < problem.risks.size(); ++b)
      problem.risks[b] = (rising ? 1.0 : -1.0) * (static_cast<double>(b) * 16.0 - 4000.0);
    expect_cpu<float>(problem);
  }
}

TEST_F(CoxPartialLikelihood, NobodyAndNothing) {
  expect_cpu<float>(random_cox_problem(50, 5, 0.0));
  CoxProblem nobody = random_cox_problem(50, 5, 1.1);
  nobody.weights.assign(50, 0.0f);
  expect_cpu<float>(nobody);
  CoxProblem late = random_cox_problem(600, 50, 0.5);  // the first chunk has nobody
  for (std::size_t b = 0; b < 540; ++b) late.weights[b] = 0.0f;
  expect_cpu<float>(late);
}

}  // namespace
}  // namespace plait::testing
