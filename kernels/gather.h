// A batch from a cohort held in memory, in one pass: gather rows by index, impute, scale, mark what was observed.
//   v = source[row, j];  y[b, j] = row < 0 ? 0 : ((isnan(v) ? fill[j] : v) - mean[j]) * scale[j]   (j taken modulo
//   `period`)
// Images: bytes or 16-bit words, period = channels. Tables: float with NaN for a missing cell, period = columns.
#pragma once

#include <cstdint>

#include "kernels/stream.h"

namespace plait {

struct GatherParams {
  std::int64_t batch = 0, columns = 0;
  std::int64_t source_stride = 0, y_stride = 0;  // elements between rows
  std::int64_t observed_stride = 0;
  std::int64_t period = 1;  // length of fill, mean and scale; columns is a multiple of it
};

namespace cpu {

// Source: std::uint8_t, std::uint16_t or float. index[batch]: the source row of each patient, negative = has none
// (zeros). observed (may be null): 1 where the source cell was there. fill may be null for integer sources.
template <class Source>
void gather_normalise(const GatherParams& p, const Source* source, const std::int64_t* index, const float* fill,
                      const float* mean, const float* scale, float* y, std::uint8_t* observed);

}  // namespace cpu

// The same from a cohort in the device's memory; y is float or bf16 (rounded from the same float).
namespace gpu {

template <class Source, class T>
void gather_normalise(const GatherParams& p, const Source* source, const std::int64_t* index, const float* fill,
                      const float* mean, const float* scale, T* y, std::uint8_t* observed, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
