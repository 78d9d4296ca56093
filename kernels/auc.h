// Area under the ROC curve on a device: the probability that a positive scores above a negative, ties counting one half
// (Mann-Whitney with midranks; Hanley, McNeil 1982). Integers up to the last division: the number of engine/metrics,
// bit for bit, whatever order the device works in.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/stream.h"

namespace plait {

struct AucParams {
  std::int64_t count = 0;                           // < 2^31
  std::int64_t score_stride = 1, label_stride = 1;  // between items: a column of a row-major matrix
};

namespace gpu {

std::size_t auc_workspace_bytes(std::int64_t count);

// scores: float or bf16, any finite values (logits will do); labels: above 0.5 is positive. *value in device memory;
// NaN unless both labels occur.
template <class T>
void auc(const AucParams& p, const T* scores, const float* labels, double* value, void* workspace, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
