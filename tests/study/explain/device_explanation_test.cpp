// Explanations on a device beside the CPU's.
//
// Tolerance: logits of models of this size differ in their last bits, by 1e-6 and less.
#include <gtest/gtest.h>

#include "study/explain/explanation.h"
#include "tests/support/device_test.h"
#include "tests/support/explained_model.h"

namespace plait {
namespace {

class DeviceExplanation : public testing::DeviceTest {};

TEST_F(DeviceExplanation, IsTheCpus) {
  for (const char* fusion : {"hybrid", "early", "late"}) {
    SCOPED_TRACE(fusion);
    test::ExplainedModel explained(TaskKind::multiclass, fusion, 20);
    const PatientExplanations cpu = explain(explained.model(), *explained.dataset, explained.everybody);
    explained.model().parameters().move_to(Device::gpu());
    const PatientExplanations there = explain(explained.model(), *explained.dataset, explained.everybody);
    ASSERT_EQ(there.shapley.size(), cpu.shapley.size());
    ASSERT_EQ(there.weights.size(), cpu.weights.size());
    for (std::size_t i = 0; i < cpu.shapley.size(); ++i) {
      EXPECT_NEAR(there.shapley[i], cpu.shapley[i], 1e-5) << i;
      EXPECT_NEAR(there.ablation[i], cpu.ablation[i], 1e-5) << i;
    }
    for (std::size_t i = 0; i < cpu.weights.size(); ++i) EXPECT_NEAR(there.weights[i], cpu.weights[i], 1e-6) << i;
  }
}

}  // namespace
}  // namespace plait
