// y[b] = modality m available for patient b ? x[b] : 0, row by row: the gate through which every encoder reads its
// batch. It selects, so NaN bytes in the row of an absent modality go nowhere. One read and one write an element.
#pragma once

#include <cstdint>

#include "kernels/grad_mode.h"
#include "kernels/math/bf16.h"
#include "kernels/modality_mask.h"
#include "kernels/stream.h"

namespace plait {

struct SelectRowsParams {
  std::int64_t batch = 0, columns = 0;
  std::int64_t x_stride = 0, y_stride = 0;  // elements between rows
  int modality = 0;                         // the bit of the mask
};

namespace cpu {

template <class T>
void select_rows(const SelectRowsParams& p, const ModalityMask* available, const T* x, T* y);

// dx[b] = modality m available for patient b ? dy[b] : 0. dy has y's stride, dx has x's.
template <class T>
void select_rows_backward(const SelectRowsParams& p, const ModalityMask* available, const T* dy, GradSlice<T> dx);

}  // namespace cpu

// The same on a device, T = float or bf16.
namespace gpu {

template <class T>
void select_rows(const SelectRowsParams& p, const ModalityMask* available, const T* x, T* y, cudaStream_t stream);

template <class T>
void select_rows_backward(const SelectRowsParams& p, const ModalityMask* available, const T* dy, GradSlice<T> dx,
                          cudaStream_t stream);

// The same with every element rounded to bf16 on its way: how a batch of floats enters a bf16 model. available == null:
// every row.
void select_rows_rounded(const SelectRowsParams& p, const ModalityMask* available, const float* x, bf16* y,
                         cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
