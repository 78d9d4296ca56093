// Alignment loss: each present z_m comes from memory once (its pairs find it in the cache), dz_m is written once.
#include "kernels/alignment.h"

#include <algorithm>

#include "kernels/cpu/grad_store.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/ordered_sum.h"
#include "kernels/cpu/patient_losses.h"

namespace plait::cpu {
namespace {

constexpr std::int64_t column_tile = 256;

// The embeddings that one patient has.
template <class T>
struct Present {
  int count = 0;
  const T* row[max_modalities];
  int modality[max_modalities];
};

template <class T>
double squared_distance(std::int64_t width, const T* a, const T* b) {
  return ordered_sum(width, [=](std::int64_t c) {
    const T difference = a[c] - b[c];
    return difference * difference;
  });
}

// dz (+)= scale * sum over j != i of (z_i - z_j)
template <bool add, class T>
void gradient_of_row(std::int64_t width, const Present<T>& present, int i, T scale, T* dz) {
  T sum[column_tile];
  for (std::int64_t first = 0; first < width; first += column_tile) {
    const std::int64_t length = std::min(column_tile, width - first);
    for (std::int64_t c = 0; c < length; ++c) sum[c] = T(0);
    for (int j = 0; j < present.count; ++j) {
      if (j == i) continue;
      const T *a = present.row[i] + first, *b = present.row[j] + first;
      for (std::int64_t c = 0; c < length; ++c) sum[c] += a[c] - b[c];
    }
    for (std::int64_t c = 0; c < length; ++c) put<add>(dz[first + c], scale * sum[c]);
  }
}

template <class T>
double loss_of_patient(const AlignmentParams& p, const EmbeddingPointers<T>& z, ModalityMask mask, std::int64_t b,
                       bool active, double factor, const std::array<GradSlice<T>, max_modalities>& dz) {
  Present<T> present;
  for (int m = 0; m < p.modalities; ++m) {
    if (!has_modality(mask, m)) continue;
    present.row[present.count] = z[static_cast<std::size_t>(m)] + b * p.z_stride;
    present.modality[present.count++] = m;
  }
  const int k = active ? present.count : 0;
  const double norm =
      p.mean_form && k >= 2 ? 1.0 / (static_cast<double>(k * (k - 1)) * static_cast<double>(p.width)) : 1.0;
  double sum = 0.0;
  for (int i = 0; i < k; ++i)
    for (int j = i + 1; j < k; ++j) sum += squared_distance(p.width, present.row[i], present.row[j]);

  const T scale = static_cast<T>(4.0 * norm * factor);  // an ordered pair and its reverse, each with a factor 2
  for (int m = 0, i = 0; m < p.modalities; ++m) {
    const bool paired = k >= 2 && i < k && present.modality[i] == m;
    const GradSlice<T> slice = dz[static_cast<std::size_t>(m)];
    with_store(slice.mode, [&](auto add) {
      T* row = slice.data + b * p.z_stride;
      if (paired)
        gradient_of_row<add.value>(p.width, present, i, scale, row);
      else if constexpr (!add.value)
        std::fill_n(row, p.width, T(0));
    });
    i += paired;
  }
  return 2.0 * norm * sum;
}

}  // namespace

template <class T>
void alignment_loss(const AlignmentParams& p, const EmbeddingPointers<T>& z, const ModalityMask* available,
                    const float* weights, const double* denominator, double* value,
                    const std::array<GradSlice<T>, max_modalities>& dz) {
  const std::int64_t grain = 4096 / (p.width * p.modalities + 1) + 1;
  *value = weighted_mean_of_losses(
      p.batch, weights, *denominator, grain, [&](std::int64_t begin, std::int64_t end, double* losses) {
        with_isa([&] {
          for (std::int64_t b = begin; b < end; ++b)
            losses[b - begin] = loss_of_patient(p, z, available[b], b, takes_part(weights[b], *denominator),
                                                gradient_factor(p.coefficient, weights[b], *denominator), dz);
        });
      });
}

template void alignment_loss(const AlignmentParams&, const EmbeddingPointers<float>&, const ModalityMask*, const float*,
                             const double*, double*, const std::array<GradSlice<float>, max_modalities>&);
template void alignment_loss(const AlignmentParams&, const EmbeddingPointers<double>&, const ModalityMask*,
                             const float*, const double*, double*,
                             const std::array<GradSlice<double>, max_modalities>&);

}  // namespace plait::cpu
