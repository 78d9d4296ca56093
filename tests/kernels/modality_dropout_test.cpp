// Modality dropout against the words that philox.h defines; nobody is left with nothing; the distribution.
#include "kernels/modality_dropout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/math/philox.h"
#include "tests/support/random_patients.h"
#include "tests/support/random_values.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

ModalityMask reference(const ModalityDropoutParams& p, const RandomPatients& patients, std::int64_t b,
                       ModalityMask available) {
  const std::uint32_t row = patients.rows[static_cast<std::size_t>(b)];
  std::vector<int> had, kept;
  for (int m = 0; m < p.modalities; ++m) {
    if ((available >> m & 1) == 0) continue;
    had.push_back(m);
    const std::uint32_t word =
        random_word(patients.seed, 0, row, patients.step, 2u << 8 | static_cast<std::uint32_t>(m));
    if (static_cast<float>(word >> 8) * 0x1p-24f < p.keep[static_cast<std::size_t>(m)]) kept.push_back(m);
  }
  if (kept.empty() && !had.empty()) {
    const std::uint32_t word = random_word(patients.seed, 0, row, patients.step, 3u << 8);
    kept.push_back(had[(std::uint64_t{word} * had.size()) >> 32]);
  }
  int mask = 0;
  for (int m : kept) mask |= 1 << m;
  return static_cast<ModalityMask>(mask);
}

TEST(ModalityDropout, DrawsTheDefinedWords) {
  for (int modalities : {1, 3, 8}) {
    const std::int64_t batch = 5000;
    const RandomPatients patients(batch);
    ModalityDropoutParams p = {.batch = batch, .modalities = modalities, .keep = {}};
    for (std::size_t m = 0; m < 8; ++m) p.keep[m] = 0.1f * static_cast<float>(m + 1);
    const auto available = random_integers<ModalityMask>(batch, 7, 1u << modalities);
    for (int threads : {1, 2, 4}) {
      const ThreadCount scope(threads);
      std::vector<ModalityMask> present(available.size(), 0xEE);
      cpu::modality_dropout(p, patients.source(0xFFFF), available.data(), present.data());
      for (std::int64_t b = 0; b < batch; ++b) {
        const std::size_t at = static_cast<std::size_t>(b);
        ASSERT_EQ(present[at], reference(p, patients, b, available[at])) << b;
        EXPECT_EQ(present[at] & ~available[at], 0);
        EXPECT_EQ(present[at] == 0, available[at] == 0);  // never all dropped
      }
    }
  }
}

TEST(ModalityDropout, KeepsWithItsProbabilityAndRescuesUniformly) {
  const std::int64_t batch = 100000;
  const RandomPatients patients(batch);
  const std::vector<ModalityMask> available(static_cast<std::size_t>(batch), 0b1011);
  const ModalityDropoutParams p = {.batch = batch, .modalities = 4, .keep = {0.8f, 0.5f, 0.9f, 0.3f}};
  std::vector<ModalityMask> present(available.size());
  cpu::modality_dropout(p, patients.source(0), available.data(), present.data());
  const double none = 0.2 * 0.5 * 0.7;  // all three dropped; then each is rescued with probability 1/3
  const double expected[] = {0.8 + none / 3, 0.5 + none / 3, 0.0, 0.3 + none / 3};
  for (int m = 0; m < 4; ++m) {
    double share = 0.0;
    for (ModalityMask mask : present) share += has_modality(mask, m) ? 1.0 / static_cast<double>(batch) : 0.0;
    const double q = expected[m];
    EXPECT_NEAR(share, q, 5 * std::sqrt(q * (1 - q) / static_cast<double>(batch)) + 1e-12) << m;
  }
}

TEST(ModalityDropout, KeepOneKeepsAllAndKeepZeroRescuesOne) {
  const std::int64_t batch = 30000;
  const RandomPatients patients(batch);
  const std::vector<ModalityMask> available(static_cast<std::size_t>(batch), 0b111);
  std::vector<ModalityMask> present(available.size());
  cpu::modality_dropout({.batch = batch, .modalities = 3, .keep = {1.0f, 1.0f, 1.0f}}, patients.source(0),
                        available.data(), present.data());
  EXPECT_EQ(present, available);
  cpu::modality_dropout({.batch = batch, .modalities = 3, .keep = {}}, patients.source(0), available.data(),
                        present.data());
  double counts[3] = {};
  for (ModalityMask mask : present) {
    ASSERT_EQ(count_modalities(mask), 1);
    counts[mask == 1 ? 0 : mask == 2 ? 1 : 2] += 1.0;
  }
  for (double count : counts) EXPECT_NEAR(count, 10000.0, 5 * std::sqrt(30000.0 * 2 / 9));
}

TEST(ModalityDropout, BatchSplit) {
  const RandomPatients patients(64);
  const auto available = random_integers<ModalityMask>(64, 7, 8);
  ModalityDropoutParams p = {.batch = 64, .modalities = 3, .keep = {0.5f, 0.5f, 0.5f}};
  std::vector<ModalityMask> whole(64), parts(64);
  cpu::modality_dropout(p, patients.source(0), available.data(), whole.data());
  p.batch = 32;
  for (std::int64_t first : {0, 32})
    cpu::modality_dropout(p, patients.source(0, first), available.data() + first, parts.data() + first);
  EXPECT_EQ(whole, parts);
  p.batch = 0;
  cpu::modality_dropout(p, patients.source(0), nullptr, nullptr);
}

}  // namespace
}  // namespace plait
