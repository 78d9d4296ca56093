// Masked concatenation against its definition, element by element.
#include "kernels/masked_concat.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/gradient_check.h"
#include "tests/support/padded_matrix.h"
#include "tests/support/thread_count.h"

namespace plait {
namespace {

template <class T>
struct Problem {
  MaskedConcatParams p;
  std::vector<PaddedMatrix<T>> z, dz;
  PaddedMatrix<T> y, dy;
  std::vector<ModalityMask> present;

  Problem(std::int64_t batch, std::int64_t width, int modalities, bool rescale = true)
      : y(batch, width * modalities, 5),
        dy(PaddedMatrix<T>::random(batch, width * modalities, 6, -1.0, 1.0, 5)),
        present(random_integers<ModalityMask>(batch, 4, 1u << modalities)) {
    p = {.batch = batch,
         .width = width,
         .modalities = modalities,
         .z_stride = width + 3,
         .y_stride = width * modalities + 5,
         .rescale = rescale};
    for (int m = 0; m < modalities; ++m) {
      z.push_back(PaddedMatrix<T>::random(batch, width, 40 + static_cast<std::uint32_t>(m)));
      dz.emplace_back(batch, width);
    }
  }
  void run(GradMode mode = GradMode::overwrite, bool masked = true) {
    EmbeddingPointers<T> in{};
    std::array<GradSlice<T>, max_modalities> out{};
    for (std::size_t m = 0; m < z.size(); ++m) {
      in[m] = z[m].data();
      out[m] = {dz[m].data(), mode};
    }
    const ModalityMask* mask = masked ? present.data() : nullptr;
    cpu::masked_concat_forward(p, in, mask, y.data());
    cpu::masked_concat_backward(p, mask, dy.data(), out);
  }
};

template <class T>
void expect_reference(Problem<T> f, bool masked) {
  f.run(GradMode::overwrite, masked);
  for (std::int64_t b = 0; b < f.p.batch; ++b) {
    const int k = masked ? count_modalities(f.present[static_cast<std::size_t>(b)]) : f.p.modalities;
    const T scale = f.p.rescale && k > 0 ? static_cast<T>(f.p.modalities) / static_cast<T>(k) : T(1);
    for (int m = 0; m < f.p.modalities; ++m)
      for (std::int64_t c = 0; c < f.p.width; ++c) {
        const bool here = !masked || has_modality(f.present[static_cast<std::size_t>(b)], m);
        const std::int64_t at = m * f.p.width + c;
        ASSERT_EQ(f.y(b, at), here ? scale * f.z[static_cast<std::size_t>(m)](b, c) : T(0));
        ASSERT_EQ(f.dz[static_cast<std::size_t>(m)](b, c), here ? scale * f.dy(b, at) : T(0));
      }
  }
  EXPECT_TRUE(f.y.canaries_intact());
  for (const auto& g : f.dz) EXPECT_TRUE(g.canaries_intact());
}

TEST(MaskedConcat, MatchesTheDefinition) {
  for (bool masked : {true, false})
    for (bool rescale : {true, false}) {
      expect_reference(Problem<float>(0, 4, 3, rescale), masked);
      expect_reference(Problem<float>(1, 1, 1, rescale), masked);
      expect_reference(Problem<float>(19, 37, 3, rescale), masked);
      expect_reference(Problem<double>(300, 64, 8, rescale), masked);
    }
}

TEST(MaskedConcat, AbsentModalitiesLeakNothing) {
  Problem<float> clean(23, 9, 3), dirty(23, 9, 3);
  clean.present[0] = dirty.present[0] = 0;
  for (std::int64_t b = 0; b < 23; ++b)
    for (int m = 0; m < 3; ++m) {
      if (has_modality(dirty.present[static_cast<std::size_t>(b)], m)) continue;
      dirty.z[static_cast<std::size_t>(m)].fill_row(b, std::numeric_limits<float>::quiet_NaN());
      for (std::int64_t c = 0; c < 9; ++c) dirty.dy(b, m * 9 + c) = std::numeric_limits<float>::infinity();
    }
  clean.run();
  dirty.run();
  EXPECT_EQ(clean.y.values(), dirty.y.values());
  for (std::size_t m = 0; m < 3; ++m) EXPECT_EQ(clean.dz[m].values(), dirty.dz[m].values());
}

TEST(MaskedConcat, ModesAndThreads) {
  Problem<float> f(700, 40, 3);
  f.run();
  const auto y = f.y.values(), g = f.dz[1].values();
  f.run(GradMode::ignore);
  EXPECT_EQ(f.dz[1].values(), g);
  f.run(GradMode::accumulate);
  const auto twice = f.dz[1].values();
  for (std::size_t i = 0; i < g.size(); ++i) ASSERT_EQ(twice[i], 2 * g[i]);
  for (int threads : {1, 2, 4}) {
    const ThreadCount scope(threads);
    f.run();
    EXPECT_EQ(f.y.values(), y);
    EXPECT_EQ(f.dz[1].values(), g);
  }
}

TEST(MaskedConcat, Gradients) {
  Problem<double> f(6, 5, 3);
  f.run();
  const std::vector<PaddedMatrix<double>> dz = f.dz;
  const auto evaluate = [&](Pattern&) {
    f.run(GradMode::ignore);
    double sum = 0.0;
    for (std::int64_t b = 0; b < 6; ++b)
      for (std::int64_t c = 0; c < 15; ++c) sum += f.dy(b, c) * f.y(b, c);
    return sum;
  };
  std::vector<Checked> inputs;
  for (std::size_t m = 0; m < 3; ++m)
    inputs.push_back({.name = std::array{"z0", "z1", "z2"}[m],
                      .data = f.z[m].data(),
                      .gradient = dz[m].data(),
                      .rows = 6,
                      .columns = 5,
                      .stride = 8});
  EXPECT_TRUE(check_gradients(inputs, evaluate));
  // Wrong on purpose: no rescaling; the mask forgotten; the neighbour's columns.
  const auto raw = [&](std::int64_t m, bool masked) {
    return [&f, m, masked](std::vector<double>& g) {
      for (std::int64_t b = 0; b < 6; ++b)
        for (std::int64_t c = 0; c < 5; ++c) {
          const ModalityMask mask = f.present[static_cast<std::size_t>(b)];
          const bool here = !masked || has_modality(mask, static_cast<int>(m));
          const double scale = masked || mask == 0 ? 1.0 : 3.0 / count_modalities(mask);
          g[static_cast<std::size_t>(b * 8 + c)] = here ? scale * f.dy(b, m * 5 + c) : 0.0;
        }
    };
  };
  expect_check_bites(inputs, evaluate, "z0", raw(0, true));
  expect_check_bites(inputs, evaluate, "z0", raw(0, false));
  expect_check_bites(inputs, evaluate, "z2", [&](std::vector<double>& g) {
    for (std::size_t i = 0; i < 6; ++i)
      for (std::size_t c = 0; c < 5; ++c)
        g[i * 8 + c] = dz[1](static_cast<std::int64_t>(i), static_cast<std::int64_t>(c));
  });
}

}  // namespace
}  // namespace plait
