// Attention-weighted fusion. Forward reads every present z_m twice (scores, then the weighted sum: the second time from
// the cache) and writes z once. Backward recomputes tanh instead of storing it: reads z_m and d_fused, writes dz_m.
#include "kernels/attention_fusion.h"

#include <algorithm>

#include "kernels/cpu/grad_store.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/ordered_sum.h"
#include "kernels/cpu/parallel.h"
#include "kernels/math/elementary.h"

namespace plait::cpu {
namespace {

constexpr std::int64_t score_tile = 256;         // columns; a multiple of 8 (OrderedSum)
constexpr std::int64_t backward_patients = 512;  // worked off together, so that their z stays in the cache
constexpr std::int64_t columns_per_part = 32;

std::int64_t patients_per_part(const AttentionFusionParams& p) {
  return 8192 / std::max<std::int64_t>(1, p.width * p.modalities) + 1;
}

template <class T>
const T* row_of(const AttentionFusionParams& p, const EmbeddingPointers<T>& z, int m, std::int64_t b) {
  return z[static_cast<std::size_t>(m)] + b * p.z_stride;
}

// s = w . tanh(z)
template <class T>
T score(std::int64_t width, const T* z, const T* weight) {
  T product[score_tile];
  OrderedSum sum;
  for (std::int64_t first = 0; first < width; first += score_tile) {
    const std::int64_t length = std::min(score_tile, width - first);
    for (std::int64_t c = 0; c < length; ++c) product[c] = weight[first + c] * hyperbolic_tangent(z[first + c]);
    sum.add(length, [&](std::int64_t c) { return product[c]; });
  }
  return static_cast<T>(sum.total());
}

// The scores of the present modalities become their softmax, the absent ones an exact 0.
template <class T>
void masked_softmax(int modalities, ModalityMask mask, T* alpha) {
  T top = T(0);
  bool any = false;
  for (int m = 0; m < modalities; ++m) {
    if (!has_modality(mask, m)) continue;
    if (!any || alpha[m] > top) top = alpha[m];
    any = true;
  }
  T total = T(0);
  for (int m = 0; m < modalities; ++m) {
    alpha[m] = has_modality(mask, m) ? exponential(alpha[m] - top) : T(0);
    total += alpha[m];
  }
  for (int m = 0; m < modalities; ++m)
    if (has_modality(mask, m)) alpha[m] /= total;
}

template <class T>
void fuse_patient(const AttentionFusionParams& p, const EmbeddingPointers<T>& z, const T* weight, ModalityMask mask,
                  std::int64_t b, T* alpha, T* fused) {
  for (int m = 0; m < p.modalities; ++m)
    if (has_modality(mask, m)) alpha[m] = score(p.width, row_of(p, z, m, b), weight);
  masked_softmax(p.modalities, mask, alpha);

  bool first = true;
  for (int m = 0; m < p.modalities; ++m) {
    if (!has_modality(mask, m)) continue;
    const T* from = row_of(p, z, m, b);
    const T a = alpha[m];
    if (first)
      for (std::int64_t c = 0; c < p.width; ++c) fused[c] = a * from[c];
    else
      for (std::int64_t c = 0; c < p.width; ++c) fused[c] += a * from[c];
    first = false;
  }
  if (first)
    for (std::int64_t c = 0; c < p.width; ++c) fused[c] = T(0);
}

// ds_m = alpha_m (dalpha_m - sum_k alpha_k dalpha_k), dalpha_m = d_fused . z_m, over the present modalities.
template <class T>
void score_gradients(const AttentionFusionParams& p, const EmbeddingPointers<T>& z, ModalityMask mask, std::int64_t b,
                     const T* alpha, const T* d_fused, T* ds) {
  double d_alpha[max_modalities], mean = 0.0;
  for (int m = 0; m < p.modalities; ++m) {
    if (!has_modality(mask, m)) continue;
    const T* from = row_of(p, z, m, b);
    d_alpha[m] = ordered_sum(p.width, [=](std::int64_t c) { return d_fused[c] * from[c]; });
    mean += static_cast<double>(alpha[m]) * d_alpha[m];
  }
  for (int m = 0; m < p.modalities; ++m)
    ds[m] = has_modality(mask, m) ? static_cast<T>(static_cast<double>(alpha[m]) * (d_alpha[m] - mean)) : T(0);
}

// Columns [begin, end) of one present modality of one patient: dz (+)= alpha d_fused + ds w (1 - tanh(z)^2), and
// dw += ds tanh(z).
template <bool add, bool want_dz, bool want_dw, class T>
void column_gradients(std::int64_t begin, std::int64_t end, const T* z, const T* weight, T alpha, T ds,
                      const T* d_fused, T* dz, T* dw) {
  for (std::int64_t c = begin; c < end; ++c) {
    const T t = hyperbolic_tangent(z[c]);
    if constexpr (want_dz) put<add>(dz[c], alpha * d_fused[c] + ds * weight[c] * (T(1) - t * t));
    if constexpr (want_dw) dw[c] += ds * t;
  }
}

template <class T>
void patient_gradients(std::int64_t begin, std::int64_t end, const T* z, const T* weight, bool present, T alpha, T ds,
                       const T* d_fused, GradSlice<T> dz, T* dw) {
  if (!present) {
    if (dz.mode == GradMode::overwrite) std::fill(dz.data + begin, dz.data + end, T(0));
  } else if (dz.mode == GradMode::ignore) {
    if (dw != nullptr) column_gradients<false, false, true>(begin, end, z, weight, alpha, ds, d_fused, dz.data, dw);
  } else {
    with_store(dz.mode, [&](auto add) {
      if (dw != nullptr)
        column_gradients<add.value, true, true>(begin, end, z, weight, alpha, ds, d_fused, dz.data, dw);
      else
        column_gradients<add.value, true, false>(begin, end, z, weight, alpha, ds, d_fused, dz.data, dw);
    });
  }
}

}  // namespace

template <class T>
void attention_fusion_forward(const AttentionFusionParams& p, const EmbeddingPointers<T>& z, const T* weight,
                              const ModalityMask* present, T* alpha, T* fused) {
  parallel_for(p.batch, patients_per_part(p), [&](std::int64_t begin, std::int64_t end) {
    with_isa([&] {
      for (std::int64_t b = begin; b < end; ++b)
        fuse_patient(p, z, weight, present[b], b, alpha + b * p.modalities, fused + b * p.fused_stride);
    });
  });
}

template <class T>
std::size_t attention_fusion_workspace_bytes(const AttentionFusionParams& p) {
  return static_cast<std::size_t>(std::min(p.batch, backward_patients) * p.modalities) * sizeof(T);
}

template <class T>
void attention_fusion_backward(const AttentionFusionParams& p, const EmbeddingPointers<T>& z, const T* weight,
                               const ModalityMask* present, const T* alpha, const T* d_fused,
                               const AttentionFusionGradients<T>& gradients, void* workspace) {
  T* ds = static_cast<T*>(workspace);
  T* dw = gradients.weight.mode == GradMode::ignore ? nullptr : gradients.weight.data;
  if (gradients.weight.mode == GradMode::overwrite) std::fill_n(dw, p.width, T(0));
  for (std::int64_t first = 0; first < p.batch; first += backward_patients) {
    const std::int64_t last = std::min(p.batch, first + backward_patients);
    parallel_for(last - first, patients_per_part(p), [&](std::int64_t begin, std::int64_t end) {
      with_isa([&] {
        for (std::int64_t b = first + begin; b < first + end; ++b)
          score_gradients(p, z, present[b], b, alpha + b * p.modalities, d_fused + b * p.fused_stride,
                          ds + (b - first) * p.modalities);
      });
    });
    // Parallel over columns: each column's dw is one chain over patients in order, then modalities.
    parallel_for(p.width, columns_per_part, [&](std::int64_t begin, std::int64_t end) {
      with_isa([&] {
        for (std::int64_t b = first; b < last; ++b)
          for (int m = 0; m < p.modalities; ++m) {
            GradSlice<T> dz = gradients.embeddings[static_cast<std::size_t>(m)];
            if (dz.mode != GradMode::ignore) dz.data += b * p.z_stride;
            patient_gradients(begin, end, row_of(p, z, m, b), weight, has_modality(present[b], m),
                              alpha[b * p.modalities + m], ds[(b - first) * p.modalities + m],
                              d_fused + b * p.fused_stride, dz, dw);
          }
      });
    });
  }
}

template void attention_fusion_forward(const AttentionFusionParams&, const EmbeddingPointers<float>&, const float*,
                                       const ModalityMask*, float*, float*);
template void attention_fusion_forward(const AttentionFusionParams&, const EmbeddingPointers<double>&, const double*,
                                       const ModalityMask*, double*, double*);
template std::size_t attention_fusion_workspace_bytes<float>(const AttentionFusionParams&);
template std::size_t attention_fusion_workspace_bytes<double>(const AttentionFusionParams&);
template void attention_fusion_backward(const AttentionFusionParams&, const EmbeddingPointers<float>&, const float*,
                                        const ModalityMask*, const float*, const float*,
                                        const AttentionFusionGradients<float>&, void*);
template void attention_fusion_backward(const AttentionFusionParams&, const EmbeddingPointers<double>&, const double*,
                                        const ModalityMask*, const double*, const double*,
                                        const AttentionFusionGradients<double>&, void*);

}  // namespace plait::cpu
