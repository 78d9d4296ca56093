// Attention fusion against the paper's equations in plain loops; masks; gradients; bits.
#include "kernels/attention_fusion.h"

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

// A batch with M embeddings, every output and gradient in padded buffers.
template <class T>
struct Fusion {
  AttentionFusionParams p;
  std::vector<PaddedMatrix<T>> z, dz;
  std::vector<T> weight, dw, alpha;
  PaddedMatrix<T> fused, d_fused;
  std::vector<ModalityMask> present;

  Fusion(std::int64_t batch, std::int64_t width, int modalities)
      : weight(random_values<T>(width, 9, -2.0, 2.0)),
        dw(static_cast<std::size_t>(width), T(7)),
        alpha(static_cast<std::size_t>(batch * modalities), T(7)),
        fused(batch, width, 5),
        d_fused(PaddedMatrix<T>::random(batch, width, 8, -1.0, 1.0, 5)),
        present(random_integers<ModalityMask>(batch, 3, 1u << modalities)) {
    p = {.batch = batch, .width = width, .modalities = modalities, .z_stride = width + 3, .fused_stride = width + 5};
    for (int m = 0; m < modalities; ++m) {
      z.push_back(PaddedMatrix<T>::random(batch, width, 20 + static_cast<std::uint32_t>(m), -2.0, 2.0));
      dz.emplace_back(batch, width);
    }
  }

  EmbeddingPointers<T> pointers(std::int64_t first = 0) const {
    EmbeddingPointers<T> all{};
    for (std::size_t m = 0; m < z.size(); ++m) all[m] = z[m].row(first);
    return all;
  }
  AttentionFusionGradients<T> gradients(GradMode mode, GradMode weight_mode, std::int64_t first = 0) {
    AttentionFusionGradients<T> all;
    for (std::size_t m = 0; m < z.size(); ++m) all.embeddings[m] = {dz[m].row(first), mode};
    all.weight = {dw.data(), weight_mode};
    return all;
  }
  void forward() {
    cpu::attention_fusion_forward(p, pointers(), weight.data(), present.data(), alpha.data(), fused.data());
  }
  void backward(GradMode mode = GradMode::overwrite) {
    std::vector<std::byte> workspace(cpu::attention_fusion_workspace_bytes<T>(p));
    cpu::attention_fusion_backward(p, pointers(), weight.data(), present.data(), alpha.data(), d_fused.data(),
                                   gradients(mode, mode), workspace.data());
  }
  // Patients [first, first + count) as a batch of their own, gradients into the same buffers.
  void run_part(std::int64_t first, std::int64_t count, GradMode weight_mode) {
    AttentionFusionParams part = p;
    part.batch = count;
    T* a = alpha.data() + first * p.modalities;
    cpu::attention_fusion_forward(part, pointers(first), weight.data(), present.data() + first, a, fused.row(first));
    std::vector<std::byte> workspace(cpu::attention_fusion_workspace_bytes<T>(part));
    cpu::attention_fusion_backward(part, pointers(first), weight.data(), present.data() + first, a, d_fused.row(first),
                                   gradients(GradMode::overwrite, weight_mode, first), workspace.data());
  }
  // Everything computed, in one vector: compared by ==.
  std::vector<T> results() const {
    std::vector<T> all = alpha;
    all.insert(all.end(), dw.begin(), dw.end());
    for (const auto& g : dz)
      for (T v : g.values()) all.push_back(v);
    for (T v : fused.values()) all.push_back(v);
    return all;
  }
};

// Forward and backward of one patient in double; the derivative of the softmax written out.
struct Reference {
  std::vector<double> alpha, fused, dw;
  std::vector<std::vector<double>> dz;
};

template <class T>
Reference reference_of(const Fusion<T>& f, std::int64_t b) {
  const std::size_t modalities = f.z.size(), width = static_cast<std::size_t>(f.p.width);
  Reference r{std::vector<double>(modalities), std::vector<double>(width), std::vector<double>(width),
              std::vector<std::vector<double>>(modalities, std::vector<double>(width))};
  const auto has = [&](std::size_t m) { return (f.present[static_cast<std::size_t>(b)] >> m & 1) != 0; };
  const auto z = [&](std::size_t m, std::size_t c) {
    return static_cast<double>(f.z[m](b, static_cast<std::int64_t>(c)));
  };
  double total = 0.0, mean = 0.0;
  for (std::size_t m = 0; m < modalities; ++m) {
    if (!has(m)) continue;
    double s = 0.0;
    for (std::size_t c = 0; c < width; ++c) s += static_cast<double>(f.weight[c]) * std::tanh(z(m, c));
    r.alpha[m] = std::exp(s);
    total += r.alpha[m];
  }
  std::vector<double> d_alpha(modalities);
  for (std::size_t m = 0; m < modalities; ++m) {
    if (!has(m)) continue;
    r.alpha[m] /= total;
    for (std::size_t c = 0; c < width; ++c) {
      r.fused[c] += r.alpha[m] * z(m, c);
      d_alpha[m] += static_cast<double>(f.d_fused(b, static_cast<std::int64_t>(c))) * z(m, c);
    }
    mean += r.alpha[m] * d_alpha[m];
  }
  for (std::size_t m = 0; m < modalities; ++m) {
    if (!has(m)) continue;
    const double ds = r.alpha[m] * (d_alpha[m] - mean);
    for (std::size_t c = 0; c < width; ++c) {
      const double t = std::tanh(z(m, c));
      r.dz[m][c] = r.alpha[m] * static_cast<double>(f.d_fused(b, static_cast<std::int64_t>(c))) +
                   ds * static_cast<double>(f.weight[c]) * (1 - t * t);
      r.dw[c] += ds * t;
    }
  }
  return r;
}

template <class T>
void expect_reference(Fusion<T>& f, double tolerance) {
  f.forward();
  f.backward();
  std::vector<double> dw(static_cast<std::size_t>(f.p.width));
  for (std::int64_t b = 0; b < f.p.batch; ++b) {
    const Reference r = reference_of(f, b);
    double total = 0.0;
    for (int m = 0; m < f.p.modalities; ++m) {
      const double alpha = static_cast<double>(f.alpha[static_cast<std::size_t>(b * f.p.modalities + m)]);
      EXPECT_NEAR(alpha, r.alpha[static_cast<std::size_t>(m)], tolerance);
      total += alpha;
      for (std::int64_t c = 0; c < f.p.width; ++c)
        EXPECT_NEAR(static_cast<double>(f.dz[static_cast<std::size_t>(m)](b, c)),
                    r.dz[static_cast<std::size_t>(m)][static_cast<std::size_t>(c)], tolerance);
    }
    const double whole = f.present[static_cast<std::size_t>(b)] != 0 ? 1.0 : 0.0;
    EXPECT_NEAR(total, whole, 1e-6);
    for (std::int64_t c = 0; c < f.p.width; ++c) {
      EXPECT_NEAR(static_cast<double>(f.fused(b, c)), r.fused[static_cast<std::size_t>(c)], tolerance);
      dw[static_cast<std::size_t>(c)] += r.dw[static_cast<std::size_t>(c)];
    }
  }
  for (std::size_t c = 0; c < dw.size(); ++c)
    EXPECT_NEAR(static_cast<double>(f.dw[c]), dw[c], tolerance * static_cast<double>(1 + f.p.batch));
  EXPECT_TRUE(f.fused.canaries_intact());
  for (const auto& g : f.dz) EXPECT_TRUE(g.canaries_intact());
}

TEST(AttentionFusion, MatchesThePaperInDoubleAndInFloat) {
  struct Shape {
    std::int64_t batch, width;
    int modalities;
  };
  for (const Shape& s : {Shape{1, 1, 1}, {5, 7, 2}, {13, 64, 3}, {3, 300, 8}, {700, 5, 3}}) {
    SCOPED_TRACE(testing::Message() << s.batch << "x" << s.width << "x" << s.modalities);
    Fusion<double> exact(s.batch, s.width, s.modalities);
    expect_reference(exact, 1e-12);
    // Scores up to |w| d reach tens here; their float error, some 1e-6, passes into alpha.
    Fusion<float> single(s.batch, s.width, s.modalities);
    expect_reference(single, 1e-4);
  }
}

TEST(AttentionFusion, EmptyBatch) {
  Fusion<float> f(0, 4, 3);
  f.forward();
  f.backward();
  EXPECT_EQ(f.dw, std::vector<float>(4, 0.0f));
}

TEST(AttentionFusion, AbsentModalitiesLeakNothing) {
  Fusion<float> clean(33, 20, 3), dirty(33, 20, 3);
  clean.present[0] = dirty.present[0] = 0;  // nothing present
  for (std::int64_t b = 0; b < 33; ++b)
    for (int m = 0; m < 3; ++m)
      if (!has_modality(dirty.present[static_cast<std::size_t>(b)], m))
        dirty.z[static_cast<std::size_t>(m)].fill_row(
            b, b % 2 == 0 ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity());
  for (Fusion<float>* f : {&clean, &dirty}) {
    f->forward();
    f->backward();
  }
  EXPECT_EQ(clean.results(), dirty.results());
  for (std::int64_t b = 0; b < 33; ++b)
    for (int m = 0; m < 3; ++m) {
      const std::size_t at = static_cast<std::size_t>(b * 3 + m);
      if (has_modality(dirty.present[static_cast<std::size_t>(b)], m)) {
        EXPECT_GT(dirty.alpha[at], 0.0f);
        continue;
      }
      EXPECT_EQ(dirty.alpha[at], 0.0f);
      EXPECT_FALSE(std::signbit(dirty.alpha[at]));
      for (std::int64_t c = 0; c < 20; ++c) EXPECT_EQ(dirty.dz[static_cast<std::size_t>(m)](b, c), 0.0f);
    }
  for (std::int64_t c = 0; c < 20; ++c) EXPECT_EQ(dirty.fused(0, c), 0.0f);
}

TEST(AttentionFusion, HugeScoresStayFinite) {
  Fusion<float> f(4, 8, 3);
  for (float& w : f.weight) w = w < 0 ? -1e30f : 1e30f;
  f.forward();
  f.backward();
  for (float v : f.alpha) EXPECT_TRUE(v >= 0.0f && v <= 1.0f);
  for (float v : f.fused.values()) EXPECT_TRUE(std::isfinite(v));
}

TEST(AttentionFusion, SameBitsForAnyThreadCountAndBatchSplit) {
  Fusion<float> whole(1100, 70, 3);  // more than one backward chunk, ragged columns
  whole.forward();
  whole.backward();
  for (int threads : {1, 2, 4}) {
    const ThreadCount scope(threads);
    Fusion<float> again(1100, 70, 3);
    again.forward();
    again.backward();
    EXPECT_EQ(whole.results(), again.results()) << threads << " threads";
    Fusion<float> parts(1100, 70, 3);
    parts.run_part(0, 1, GradMode::overwrite);
    parts.run_part(1, 512, GradMode::accumulate);
    parts.run_part(513, 587, GradMode::accumulate);
    EXPECT_EQ(whole.results(), parts.results()) << threads << " threads, three parts";
  }
}

TEST(AttentionFusion, GradModes) {
  Fusion<float> once(17, 12, 3), twice(17, 12, 3), unwanted(17, 12, 3);
  once.forward();
  once.backward();
  twice.forward();
  twice.backward();
  twice.backward(GradMode::accumulate);
  for (std::size_t m = 0; m < 3; ++m)
    for (std::int64_t b = 0; b < 17; ++b)
      for (std::int64_t c = 0; c < 12; ++c) EXPECT_EQ(twice.dz[m](b, c), 2 * once.dz[m](b, c));
  for (std::size_t c = 0; c < 12; ++c) EXPECT_NEAR(twice.dw[c], 2 * once.dw[c], 1e-4);  // one chain over both

  unwanted.forward();
  const std::vector<float> before = unwanted.results();
  unwanted.backward(GradMode::ignore);
  EXPECT_EQ(unwanted.results(), before);
  // Only some of them wanted: the same bits.
  std::vector<std::byte> workspace(cpu::attention_fusion_workspace_bytes<float>(unwanted.p));
  auto some = unwanted.gradients(GradMode::ignore, GradMode::overwrite);
  some.embeddings[1].mode = GradMode::overwrite;
  some.embeddings[0].data = nullptr;
  cpu::attention_fusion_backward(unwanted.p, unwanted.pointers(), unwanted.weight.data(), unwanted.present.data(),
                                 unwanted.alpha.data(), unwanted.d_fused.data(), some, workspace.data());
  EXPECT_EQ(unwanted.dw, once.dw);
  EXPECT_EQ(unwanted.dz[1].values(), once.dz[1].values());
}

TEST(AttentionFusion, Gradients) {
  Fusion<double> f(6, 9, 3);
  const auto evaluate = [&](Pattern&) {
    f.forward();
    double sum = 0.0;
    for (std::int64_t b = 0; b < 6; ++b)
      for (std::int64_t c = 0; c < 9; ++c) sum += f.d_fused(b, c) * f.fused(b, c);
    return sum;
  };
  Pattern unused;
  evaluate(unused);
  f.backward();
  std::vector<Checked> inputs = {{.name = "w", .data = f.weight.data(), .gradient = f.dw.data(), .columns = 9}};
  for (std::size_t m = 0; m < 3; ++m)
    inputs.push_back({.name = std::array{"z0", "z1", "z2"}[m],
                      .data = f.z[m].data(),
                      .gradient = f.dz[m].data(),
                      .rows = 6,
                      .columns = 9,
                      .stride = f.z[m].stride()});
  EXPECT_TRUE(check_gradients(inputs, evaluate));

  // Wrong on purpose: the scores' share forgotten, the softmax's mean not taken off, an absent modality's row kept.
  expect_check_bites(inputs, evaluate, "z1", [&](std::vector<double>& g) {
    for (std::int64_t b = 0; b < 6; ++b)
      for (std::int64_t c = 0; c < 9; ++c)
        g[static_cast<std::size_t>(b * 12 + c)] = f.alpha[static_cast<std::size_t>(b * 3 + 1)] * f.d_fused(b, c);
  });
  expect_check_bites(inputs, evaluate, "w", [&](std::vector<double>& g) {
    for (std::size_t c = 0; c < 9; ++c) {
      g[c] = 0.0;
      for (std::int64_t b = 0; b < 6; ++b)
        for (std::size_t m = 0; m < 3; ++m) {
          double d_alpha = 0.0;
          for (std::int64_t k = 0; k < 9; ++k) d_alpha += f.d_fused(b, k) * f.z[m](b, k);
          g[c] += f.alpha[static_cast<std::size_t>(b * 3) + m] * d_alpha *
                  std::tanh(f.z[m](b, static_cast<std::int64_t>(c)));
        }
    }
  });
  std::int64_t absent = 0;
  while (has_modality(f.present[static_cast<std::size_t>(absent)], 0)) ++absent;
  expect_check_bites(inputs, evaluate, "z0", [&](std::vector<double>& g) {
    for (std::int64_t c = 0; c < 9; ++c) g[static_cast<std::size_t>(absent * 12 + c)] = f.d_fused(absent, c) / 3;
  });
}

}  // namespace
}  // namespace plait
