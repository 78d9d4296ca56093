// Corruption with the CPU's bits, both kinds of noise; the reconstruction loss against the CPU, cells and patients
// selected out, and against its definition.
#include "kernels/denoise.h"

#include "kernels/math/philox.h"
#include "tests/support/device_loss.h"
#include "tests/support/random_patients.h"

namespace plait::testing {
namespace {

class Denoise : public DeviceTest {};

struct CorruptShape {
  std::int64_t batch, columns, padding, x_shift, y_shift;
};
constexpr CorruptShape corrupt_shapes[] = {{0, 8, 0, 0, 0},    {5, 0, 0, 0, 0},    {1, 1, 0, 0, 0},  {3, 5, 0, 0, 0},
                                           {4, 64, 8, 0, 0},   {7, 41, 3, 1, 1},   {4, 32, 7, 0, 0}, {4, 32, 0, 1, 0},
                                           {3, 1032, 0, 0, 0}, {2, 2057, 2, 0, 0}, {4, 32, 0, 0, 1}};

template <class T>
void corrupt_like_the_cpu(const CorruptShape& l, Noise noise, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << l.batch << "x" << l.columns << " padded by " << l.padding << ", shifted by "
                                    << l.x_shift << " and " << l.y_shift << ", " << sizeof(T) << " B");
  const std::uint32_t site = random_site(Purpose::corruption, 2);
  const RandomPatients patients(l.batch);
  const DeviceArray<std::uint32_t> step(std::vector<std::uint32_t>{patients.step}, stream), rows(patients.rows, stream);
  const auto x = as_seen<T>(random_values<float>(l.batch * l.columns, 1));
  std::vector<float> expected(x.size());
  CorruptParams p = {
      .batch = l.batch, .columns = l.columns, .stride = l.columns, .noise = noise, .rate = 0.2f, .sigma = 0.7f};
  cpu::corrupt(p, patients.source(site), x.data(), expected.data());
  const DeviceMatrix<T> from(l.batch, l.columns, x, stream, l.padding, l.x_shift);
  const DeviceMatrix<T> y(l.batch, l.columns, stream, l.padding, l.y_shift);
  p.stride = from.stride();
  const RandomSource random = {.seed = patients.seed, .step = step.data(), .rows = rows.data(), .site = site};
  gpu::corrupt(p, random, from.data(), y.data(), stream);
  EXPECT_TRUE(all_equal(y.values(), as_seen<T>(expected)));
  EXPECT_TRUE(y.canaries_intact());
}

TEST_F(Denoise, CorruptionHasTheBitsOfTheCpu) {
  for (const CorruptShape& l : corrupt_shapes)
    for (Noise noise : {Noise::mask, Noise::gaussian}) {
      corrupt_like_the_cpu<float>(l, noise, stream);
      corrupt_like_the_cpu<bf16>(l, noise, stream);
    }
}

// One slice a row and several.
constexpr LossShape loss_shapes[] = {{0, 8, 0, 0},  {5, 0, 0, 0},    {1, 1, 0, 0},    {3, 5, 0, 0},   {6, 64, 8, 0},
                                     {7, 41, 3, 1}, {4, 1032, 0, 0}, {3, 5000, 0, 0}, {2, 2057, 2, 0}};

// What is not the loss's own: the data, and the marks of what was observed.
struct Operands {
  std::int64_t padding = 0, mark_padding = 0, mark_shift = 0;
};

template <class T>
void reconstruct(const LossShape& l, const Operands& o, bool marked, cudaStream_t stream) {
  SCOPED_TRACE(::testing::Message() << "data padded by " << o.padding << ", marks by " << o.mark_padding
                                    << ", shifted by " << o.mark_shift);
  const auto count = l.batch * l.columns;
  auto x = as_seen<T>(random_values<float>(count, 5));
  auto observed = random_integers<std::uint8_t>(count, 6, 3);  // anything but 0 is a mark
  const auto available = random_integers<ModalityMask>(l.batch, 8, 8);
  for (std::int64_t b = 0; b < l.batch; ++b)
    for (std::int64_t c = 0; c < l.columns; ++c) {
      const auto i = static_cast<std::size_t>(b * l.columns + c);
      if (b % 7 == 3) observed[i] = 0;  // without an observed cell
      if (!has_modality(available[static_cast<std::size_t>(b)], 1) || (marked && observed[i] == 0))
        x[i] = std::numeric_limits<float>::quiet_NaN();
    }
  const std::int64_t pitch = l.columns + o.mark_padding;
  std::vector<std::uint8_t> padded(static_cast<std::size_t>(l.batch * pitch), 1);
  for (std::int64_t i = 0; i < count; ++i)
    padded[static_cast<std::size_t>(i / l.columns * pitch + i % l.columns)] = observed[static_cast<std::size_t>(i)];
  const DeviceArray<std::uint8_t> marks(padded, stream, static_cast<std::size_t>(o.mark_shift));
  const DeviceArray<ModalityMask> mask(available, stream);
  const DeviceMatrix<T> wanted(l.batch, l.columns, x, stream, o.padding, l.target_shift);
  expect_loss<T>(
      l,
      [&](const LossParams& p, const float* x_hat, const float* w, const double* d, double* v, GradSlice<float> g) {
        cpu::reconstruction_loss<float>({.loss = p, .x_stride = l.columns, .observed_stride = l.columns, .modality = 1},
                                        x_hat, x.data(), marked ? observed.data() : nullptr, available.data(), w, d, v,
                                        g);
      },
      [&](const LossParams& p, const T* x_hat, const float* w, const double* d, double* v, GradSlice<T> g,
          void* workspace) {
        gpu::reconstruction_loss<T>({.loss = p, .x_stride = wanted.stride(), .observed_stride = pitch, .modality = 1},
                                    x_hat, wanted.data(), marked ? marks.data() : nullptr, mask.data(), w, d, v, g,
                                    workspace, stream);
      },
      stream);
}

TEST_F(Denoise, ReconstructionAgreesWithTheCpu) {
  for (const LossShape& l : loss_shapes)
    for (bool marked : {false, true}) {
      const Operands padded_alike{l.padding, l.padding};
      reconstruct<float>(l, padded_alike, marked, stream);
      reconstruct<bf16>(l, padded_alike, marked, stream);
    }
}

TEST_F(Denoise, EveryOperandMayBeOffItsAlignment) {
  const auto one = [&](const LossShape& l, const Operands& o = {}) {
    reconstruct<float>(l, o, true, stream);
    reconstruct<bf16>(l, o, true, stream);
  };
  one({4, 32, 7, 0});
  one({4, 32, 0, 1});
  one({4, 32, 0, 0, 1});
  one({4, 32, 0, 0, 0, 1});
  one({4, 32, 0, 0}, {.padding = 7});
  one({4, 32, 0, 0}, {.mark_padding = 7});
  one({4, 32, 0, 0}, {.mark_shift = 1});
}

TEST_F(Denoise, MorePatientsThanBlocks) {
  reconstruct<float>({1030, 3, 0, 0}, {}, false, stream);
}

// Integers: every number is exact. Of the first patient two cells are observed, the second lacks the modality.
TEST_F(Denoise, ReconstructionFollowsItsDefinition) {
  const DeviceMatrix<float> x_hat(2, 3, {1, 2, 3, 4, 5, 6}, stream), x(2, 3, {3, 9, 4, 0, 0, 0}, stream);
  const DeviceMatrix<float> dx(2, 3, stream);
  const DeviceArray<std::uint8_t> observed({1, 0, 1, 1, 1, 1}, stream);
  const DeviceArray<ModalityMask> available({0b100, 0b011}, stream);
  const DeviceArray<float> weights({2, 1}, stream);
  const DeviceArray<double> denominator(std::vector<double>{4.0}, stream), value(1, stream);
  const DeviceArray<std::byte> workspace(gpu::loss_workspace_bytes(), stream);
  gpu::reconstruction_loss<float>(
      {.loss = {.batch = 2, .columns = 3, .stride = 3}, .x_stride = 3, .observed_stride = 3, .modality = 2},
      x_hat.data(), x.data(), observed.data(), available.data(), weights.data(), denominator.data(), value.data(),
      {dx.data(), GradMode::overwrite}, workspace.data(), stream);
  EXPECT_EQ(value.host()[0], 2.0 * (4 + 1) / 2 / 4.0);
  EXPECT_TRUE(all_equal(dx.values(), {-1.0f, 0.0f, -0.5f, 0.0f, 0.0f, 0.0f}));
}

}  // namespace
}  // namespace plait::testing
