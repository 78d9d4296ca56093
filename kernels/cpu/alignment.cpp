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

// The embeddings that take part in one patient's loss: none, or two and more.
template <class T>
struct Present {
  int count = 0;
  const T* row[max_modalities];
  T* gradient[max_modalities];
  GradMode mode[max_modalities];
};

// Takes patient b's rows together; rows of dz that take no part become zeros in GradMode::overwrite.
template <class T>
void collect(const AlignmentParams& p, const EmbeddingPointers<T>& z, unsigned mask, std::int64_t b,
             const std::array<GradSlice<T>, max_modalities>& dz, Present<T>& present) {
  for (int m = 0; m < p.modalities; ++m) {
    const std::size_t at = static_cast<std::size_t>(m);
    const GradMode mode = dz[at].mode;
    T* gradient = mode == GradMode::ignore ? nullptr : dz[at].data + b * p.z_stride;
    if ((mask >> m & 1u) != 0) {
      present.row[present.count] = z[at] + b * p.z_stride;
      present.mode[present.count] = mode;
      present.gradient[present.count++] = gradient;
    } else if (mode == GradMode::overwrite) {
      std::fill_n(gradient, p.width, T(0));
    }
  }
}

// Every pair once, in tiles: its difference d goes into the loss as d^2 and into the two gradients as d and -d.
// Returns the sum over unordered pairs of ||z_i - z_j||^2; dz_i (+)= scale * sum over j of (z_i - z_j).
template <class T>
double pull_together(std::int64_t width, const Present<T>& present, T scale) {
  T difference[column_tile], pull[max_modalities][column_tile];
  OrderedSum sum;
  for (std::int64_t first = 0; first < width; first += column_tile) {
    const std::int64_t length = std::min(column_tile, width - first);
    for (int i = 0; i < present.count; ++i)
      for (int j = i + 1; j < present.count; ++j) {
        const T *a = present.row[i] + first, *b = present.row[j] + first;
        for (std::int64_t c = 0; c < length; ++c) difference[c] = a[c] - b[c];
        const T* d = difference;
        T *pull_i = pull[i], *pull_j = pull[j];
        if (i == 0)  // the first pair of j, and with j = 1 that of i
          for (std::int64_t c = 0; c < length; ++c) pull_j[c] = T(0) - d[c];
        else
          for (std::int64_t c = 0; c < length; ++c) pull_j[c] -= d[c];
        if (j == 1)
          for (std::int64_t c = 0; c < length; ++c) pull_i[c] = d[c];
        else
          for (std::int64_t c = 0; c < length; ++c) pull_i[c] += d[c];
        sum.add(length, [d](std::int64_t c) { return d[c] * d[c]; });
      }
    for (int i = 0; i < present.count; ++i)
      with_store(present.mode[i], [&](auto add) {
        T* to = present.gradient[i] + first;
        for (std::int64_t c = 0; c < length; ++c) put<add.value>(to[c], scale * pull[i][c]);
      });
  }
  return sum.total();
}

template <class T>
double loss_of_patient(const AlignmentParams& p, const EmbeddingPointers<T>& z, ModalityMask available, bool active,
                       std::int64_t b, double factor, const std::array<GradSlice<T>, max_modalities>& dz) {
  const int k = count_modalities(available);
  const bool paired = active && k >= 2;
  Present<T> present;
  collect(p, z, paired ? available : 0u, b, dz, present);
  if (!paired) return 0.0;
  const double norm = p.mean_form ? 1.0 / (static_cast<double>(k * (k - 1)) * static_cast<double>(p.width)) : 1.0;
  // A pair stands for (i, j) and (j, i): twice in the loss; each brings a factor 2 into the derivative.
  return 2.0 * norm * pull_together(p.width, present, static_cast<T>(4.0 * norm * factor));
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
            losses[b - begin] = loss_of_patient(p, z, available[b], takes_part(weights[b], *denominator), b,
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
