// Modality dropout on a device: the CPU's draws, bit for bit.
#include "kernels/modality_dropout.h"

#include "tests/support/device_test.h"
#include "tests/support/random_patients.h"
#include "tests/support/random_values.h"

namespace plait::testing {
namespace {

class ModalityDropout : public DeviceTest {};

TEST_F(ModalityDropout, DrawsWhatTheCpuDraws) {
  for (const int modalities : {1, 3, 8})
    for (const std::int64_t batch : {0, 1, 300}) {
      const RandomPatients patients(batch);
      ModalityDropoutParams p = {.batch = batch, .modalities = modalities, .keep = {}};
      for (std::size_t m = 0; m < 8; ++m) p.keep[m] = 0.1f * static_cast<float>(m);  // 0: often all are dropped
      const auto mask = random_integers<ModalityMask>(batch, 7, 1u << modalities);
      std::vector<ModalityMask> expected(mask.size());
      cpu::modality_dropout(p, patients.source(0), mask.data(), expected.data());

      const DeviceArray<ModalityMask> available(mask, stream), present(mask.size(), stream);
      const DeviceArray<std::uint32_t> rows(patients.rows, stream),
          step(std::vector<std::uint32_t>{patients.step}, stream);
      gpu::modality_dropout(p, {.seed = patients.seed, .step = step.data(), .rows = rows.data(), .site = 0},
                            available.data(), present.data(), stream);
      EXPECT_EQ(present.host(), expected);
    }
}

}  // namespace
}  // namespace plait::testing
