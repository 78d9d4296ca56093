// Masked concatenation: every present embedding read once, the whole row written once.
#include "kernels/masked_concat.h"

#include <algorithm>

#include "kernels/cpu/grad_store.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/parallel.h"

namespace plait::cpu {
namespace {

std::int64_t grain_of(const MaskedConcatParams& p) {
  return 16384 / std::max<std::int64_t>(1, p.width * p.modalities) + 1;
}

ModalityMask mask_of(const MaskedConcatParams& p, const ModalityMask* present, std::int64_t b) {
  return present == nullptr ? static_cast<ModalityMask>((1u << p.modalities) - 1u) : present[b];
}

template <class T>
T scale_of(const MaskedConcatParams& p, ModalityMask mask) {
  const int k = count_modalities(mask);
  return p.rescale && k > 0 ? static_cast<T>(p.modalities) / static_cast<T>(k) : T(1);
}

}  // namespace

template <class T>
void masked_concat_forward(const MaskedConcatParams& p, const EmbeddingPointers<T>& z, const ModalityMask* present,
                           T* y) {
  parallel_for(p.batch, grain_of(p), [&](std::int64_t begin, std::int64_t end) {
    with_isa([&] {
      for (std::int64_t b = begin; b < end; ++b) {
        const ModalityMask mask = mask_of(p, present, b);
        const T scale = scale_of<T>(p, mask);
        for (int m = 0; m < p.modalities; ++m) {
          const T* from = z[static_cast<std::size_t>(m)] + b * p.z_stride;
          T* to = y + b * p.y_stride + m * p.width;
          if (has_modality(mask, m))
            for (std::int64_t c = 0; c < p.width; ++c) to[c] = scale * from[c];
          else
            for (std::int64_t c = 0; c < p.width; ++c) to[c] = T(0);
        }
      }
    });
  });
}

template <class T>
void masked_concat_backward(const MaskedConcatParams& p, const ModalityMask* present, const T* dy,
                            const std::array<GradSlice<T>, max_modalities>& dz) {
  parallel_for(p.batch, grain_of(p), [&](std::int64_t begin, std::int64_t end) {
    with_isa([&] {
      for (std::int64_t b = begin; b < end; ++b) {
        const ModalityMask mask = mask_of(p, present, b);
        const T scale = scale_of<T>(p, mask);
        for (int m = 0; m < p.modalities; ++m) {
          const GradSlice<T> slice = dz[static_cast<std::size_t>(m)];
          with_store(slice.mode, [&](auto add) {
            const T* from = dy + b * p.y_stride + m * p.width;
            T* to = slice.data + b * p.z_stride;
            if (has_modality(mask, m))
              for (std::int64_t c = 0; c < p.width; ++c) put<add.value>(to[c], scale * from[c]);
            else if constexpr (!add.value)
              for (std::int64_t c = 0; c < p.width; ++c) to[c] = T(0);
          });
        }
      }
    });
  });
}

template void masked_concat_forward(const MaskedConcatParams&, const EmbeddingPointers<float>&, const ModalityMask*,
                                    float*);
template void masked_concat_forward(const MaskedConcatParams&, const EmbeddingPointers<double>&, const ModalityMask*,
                                    double*);
template void masked_concat_backward(const MaskedConcatParams&, const ModalityMask*, const float*,
                                     const std::array<GradSlice<float>, max_modalities>&);
template void masked_concat_backward(const MaskedConcatParams&, const ModalityMask*, const double*,
                                     const std::array<GradSlice<double>, max_modalities>&);

}  // namespace plait::cpu
