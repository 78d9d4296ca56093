// A batch of embeddings on a device, the CPU's fusion of it in double, and what of theirs must agree: for the tests of
// attention fusion and of its fused step. Absent rows hold NaN, patient 0 has nothing, patient 1 everything.
#pragma once

#include <array>
#include <cmath>
#include <memory>
#include <vector>

#include "kernels/alignment.h"
#include "kernels/attention_fusion.h"
#include "tests/support/device_matrix.h"

namespace plait::testing {

struct FusionShape {
  std::int64_t batch = 0, width = 0;
  int modalities = 0;
  std::int64_t padding = 0, shift = 0;  // of all rows; of the embeddings' first elements
  float weight_scale = 1.0f;
  // Padding of fused and d_fused beyond that; how far the others are off their alignment.
  std::int64_t fused_padding = 0, fused_shift = 0, d_fused_shift = 0, weight_shift = 0, dz_shift = 0;
};

// A group of 1, 2, .. 32 lanes a patient, one to eight packs a lane, a block a patient, and the way of odd rows.
inline constexpr FusionShape fusion_shapes[] = {
    {0, 8, 3},    {1, 8, 1},      {3, 1, 1},    {70, 8, 2},   {9, 40, 3, 8}, {9, 64, 4},       {5, 128, 8},
    {4, 256, 3},  {3, 512, 3, 8}, {3, 384, 2},  {2, 1024, 2}, {3, 512, 4},   {3, 256, 8},      {3, 200, 5},
    {3, 1032, 3}, {3, 1024, 8},   {2, 2056, 2}, {2, 1032, 8}, {6, 37, 3, 3}, {4, 64, 3, 0, 1}, {3, 300, 7, 5, 1},
};

// One operand at a time off its alignment.
inline constexpr FusionShape fusion_shapes_with_one_off[] = {
    {.batch = 4, .width = 64, .modalities = 2, .padding = 7, .fused_padding = 1},
    {.batch = 4, .width = 64, .modalities = 2, .shift = 1},
    {.batch = 4, .width = 64, .modalities = 2, .fused_padding = 7},
    {.batch = 4, .width = 64, .modalities = 2, .fused_shift = 1},
    {.batch = 4, .width = 64, .modalities = 2, .d_fused_shift = 1},
    {.batch = 4, .width = 64, .modalities = 2, .weight_shift = 1},
    {.batch = 4, .width = 64, .modalities = 2, .dz_shift = 1},
};

template <class T>
struct FusionProblem {
  FusionShape shape;
  std::vector<ModalityMask> available_host, present_host;
  std::vector<std::vector<float>> z_host;
  std::vector<float> weight_host, d_fused_host, weights_host;
  DeviceArray<ModalityMask> available, present;
  std::vector<std::unique_ptr<DeviceMatrix<T>>> z;
  DeviceArray<T> weight;
  DeviceMatrix<T> d_fused;
  DeviceArray<float> weights;

  FusionProblem(const FusionShape& s, cudaStream_t stream)
      : shape(s),
        available_host(masks(s, 3)),
        present_host(available_host),
        weight_host(as_seen<T>(scaled(random_values<float>(s.width, 9), s.weight_scale))),
        d_fused_host(as_seen<T>(random_values<float>(s.batch * s.width, 8))),
        weights_host(random_values<float>(s.batch, 5, 0.5, 2.0)),
        available(available_host, stream),
        present(present_host, stream),
        weight(rounded<T>(weight_host), stream, count(s.weight_shift)),
        d_fused(s.batch, s.width, with_nan(d_fused_host, [&](std::size_t b) { return present_host[b] == 0; }), stream,
                s.padding + s.fused_padding, s.d_fused_shift),
        weights(without_some(weights_host), stream) {
    for (int m = 0; m < s.modalities; ++m) {
      z_host.push_back(
          as_seen<T>(random_values<float>(s.batch * s.width, 20 + static_cast<std::uint32_t>(m), -2.0, 2.0)));
      const auto absent = [&](std::size_t b) { return !has_modality(available_host[b], m); };
      z.push_back(std::make_unique<DeviceMatrix<T>>(s.batch, s.width, with_nan(z_host.back(), absent), stream,
                                                    s.padding, s.shift));
    }
    for (float w : weights_host) denominator += static_cast<double>(w);
  }

  double denominator = 0.0;
  std::size_t count(std::int64_t n) const { return static_cast<std::size_t>(n); }
  AttentionFusionParams params() const {
    return {.batch = shape.batch,
            .width = shape.width,
            .modalities = shape.modalities,
            .z_stride = shape.width + shape.padding,
            .fused_stride = shape.width + shape.padding + shape.fused_padding};
  }
  EmbeddingPointers<T> z_pointers() const {
    EmbeddingPointers<T> pointers{};
    for (std::size_t m = 0; m < z.size(); ++m) pointers[m] = z[m]->data();
    return pointers;
  }

 private:
  static std::vector<ModalityMask> masks(const FusionShape& s, std::uint32_t seed) {
    auto all = random_integers<ModalityMask>(s.batch, seed, 1u << s.modalities);
    if (s.batch > 1) all[0] = 0;
    if (s.batch > 0) all[s.batch > 1 ? 1 : 0] = static_cast<ModalityMask>((1u << s.modalities) - 1u);
    return all;
  }
  static std::vector<float> scaled(std::vector<float> values, float scale) {
    for (float& v : values) v *= scale;
    return values;
  }
  // Every fourth patient has no part in the losses; the host's copy follows.
  static const std::vector<float>& without_some(std::vector<float>& values) {
    for (std::size_t b = 2; b < values.size(); b += 4) values[b] = 0.0f;
    return values;
  }
  template <class Absent>
  std::vector<float> with_nan(std::vector<float> values, const Absent& absent) const {
    for (std::size_t i = 0; i < values.size(); ++i)
      if (absent(i / count(shape.width))) values[i] = std::numeric_limits<float>::quiet_NaN();
    return values;
  }
};

// Gradient buffers of every embedding and of w: NaN, or the value that is added to.
template <class T>
struct FusionGradients {
  static constexpr float before = 0.5f;
  GradMode mode;
  std::vector<std::unique_ptr<DeviceMatrix<T>>> dz;
  DeviceArray<float> dw;

  FusionGradients(const FusionProblem<T>& f, GradMode mode_, cudaStream_t stream)
      : mode(mode_), dw(std::vector<float>(f.count(f.shape.width), start(mode_)), stream) {
    const FusionShape& s = f.shape;
    for (int m = 0; m < s.modalities; ++m)
      dz.push_back(std::make_unique<DeviceMatrix<T>>(s.batch, s.width,
                                                     std::vector<float>(f.count(s.batch * s.width), start(mode_)),
                                                     stream, s.padding, s.dz_shift));
  }
  AttentionFusionGradients<T, float> slices() const {
    AttentionFusionGradients<T, float> all;
    for (std::size_t m = 0; m < dz.size(); ++m) all.embeddings[m] = {dz[m]->data(), mode};
    all.weight = {dw.data(), mode};
    return all;
  }
  std::vector<std::vector<float>> dz_values() const {
    std::vector<std::vector<float>> all;
    for (const auto& g : dz) all.push_back(g->values());
    return all;
  }
  bool canaries_intact() const {
    for (const auto& g : dz)
      if (!g->canaries_intact()) return false;
    return true;
  }

 private:
  static float start(GradMode mode) {
    return mode == GradMode::accumulate ? before : std::numeric_limits<float>::quiet_NaN();
  }
};

// The CPU's kernels in double, on the values that the device sees.
struct FusionReference {
  AttentionFusionParams p;
  std::vector<std::vector<double>> z, dz;
  std::vector<double> weight, d_fused, alpha, fused, dw;
  double alignment = 0.0;

  template <class T>
  explicit FusionReference(const FusionProblem<T>& f)
      : p(f.params()),
        weight(f.weight_host.begin(), f.weight_host.end()),
        d_fused(f.d_fused_host.begin(), f.d_fused_host.end()),
        alpha(f.count(p.batch * p.modalities)),
        fused(f.count(p.batch * p.width)),
        dw(f.count(p.width)) {
    p.z_stride = p.fused_stride = p.width;
    for (const auto& values : f.z_host) z.emplace_back(values.begin(), values.end()), dz.emplace_back(values.size());
  }
  EmbeddingPointers<double> pointers() const {
    EmbeddingPointers<double> all{};
    for (std::size_t m = 0; m < z.size(); ++m) all[m] = z[m].data();
    return all;
  }
  std::array<GradSlice<double>, max_modalities> slices(GradMode mode) {
    std::array<GradSlice<double>, max_modalities> all{};
    for (std::size_t m = 0; m < z.size(); ++m) all[m] = {dz[m].data(), mode};
    return all;
  }
  void fuse(const std::vector<ModalityMask>& present) {
    cpu::attention_fusion_forward(p, pointers(), weight.data(), present.data(), alpha.data(), fused.data());
    std::vector<std::byte> workspace(cpu::attention_fusion_workspace_bytes<double>(p));
    cpu::attention_fusion_backward<double>(
        p, pointers(), weight.data(), present.data(), alpha.data(), d_fused.data(),
        {.embeddings = slices(GradMode::overwrite), .weight = {dw.data(), GradMode::overwrite}}, workspace.data());
  }
  template <class T>
  void align(const FusionProblem<T>& f, bool mean_form, double coefficient) {
    cpu::alignment_loss<double>({.batch = p.batch,
                                 .width = p.width,
                                 .modalities = p.modalities,
                                 .z_stride = p.width,
                                 .mean_form = mean_form,
                                 .coefficient = coefficient},
                                pointers(), f.available_host.data(), f.weights_host.data(), &f.denominator, &alignment,
                                slices(GradMode::accumulate));
  }
};

// Scores are sums of w tanh z with an absolute error of 4e-7 (tanh) and some 1e-7 (float) in every term, w at most 1:
// relative to alpha 1e-6 sqrt(d) and, where all go one way, some 1e-6 d. In bf16 results are rounded to 2^-9.
template <class T>
void expect_results(const FusionProblem<T>& f, const FusionReference& r, const std::vector<float>& alpha,
                    const std::vector<float>& fused, const std::vector<std::vector<float>>& dz,
                    const std::vector<float>& dw) {
  const double error = 2e-6 * (2.0 + std::sqrt(static_cast<double>(f.shape.width)));
  const double rounding = sizeof(T) == 2 ? 0x1p-8 : 0.0;
  EXPECT_TRUE(all_near(alpha, r.alpha, 0.0, error));
  for (std::size_t i = 0; i < alpha.size(); ++i) {
    if (r.alpha[i] != 0.0) continue;
    EXPECT_TRUE(alpha[i] == 0.0f && !std::signbit(alpha[i])) << "alpha of an absent modality, element " << i;
  }
  EXPECT_TRUE(all_near(fused, r.fused, rounding, 2.0 * error));
  // ds multiplies sums over d products of numbers up to 2.
  for (std::size_t m = 0; m < dz.size(); ++m)
    EXPECT_TRUE(all_near(dz[m], r.dz[m], rounding, 20.0 * error)) << "modality " << m;
  EXPECT_TRUE(all_near(dw, r.dw, 0.0, 20.0 * error * std::sqrt(static_cast<double>(1 + f.shape.batch))));
}

}  // namespace plait::testing
