// Early fusion's input: the columns of all modalities side by side and one availability bit each,
//   y[b] = [x_1[b] ; ... ; x_M[b] ; bits], where absent or dropped modalities hold zeros and the bit 0.
// Inputs need no gradient, so there is no backward. The mask selects: NaN bytes of an absent modality go nowhere. One
// read and one write an element.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/modality_mask.h"
#include "kernels/stream.h"

namespace plait {

struct MaskedColumnsParams {
  std::int64_t batch = 0;
  int modalities = 0;
  std::array<std::int64_t, max_modalities> columns{};   // of every x_m[batch, columns_m]
  std::array<std::int64_t, max_modalities> x_stride{};  // elements between its rows
  std::int64_t y_stride = 0;                            // of y[batch, sum columns_m + M]
};

namespace cpu {

template <class T>
void masked_columns(const MaskedColumnsParams& p, const std::array<const T*, max_modalities>& x,
                    const ModalityMask* present, T* y);

}  // namespace cpu

// The same on a device, T = float or bf16.
namespace gpu {

template <class T>
void masked_columns(const MaskedColumnsParams& p, const std::array<const T*, max_modalities>& x,
                    const ModalityMask* present, T* y, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
