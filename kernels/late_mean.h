// Late fusion: the logits of M towers become one row of logits, over the modalities that are there.
//   probability  the mean of the towers' probabilities, written as its logit: log mean p - log mean (1 - p), and for
//                softmax heads log mean p; identity heads: the mean value
//   logit        the mean of the logits
//   stacked      scale * sum_m w_m l_m / sum_m w_m over the present m, w = softmax(v)
// A patient with nothing present gets zeros. Forward only: every tower learns from its own loss.
#pragma once

#include <cstdint>

#include "kernels/attention_fusion.h"
#include "kernels/modality_mask.h"
#include "kernels/stream.h"

namespace plait {

enum class LateMean { probability, logit, stacked };
enum class HeadLink { sigmoid, softmax, identity };  // how the head's logits become probabilities or a value

struct LateMeanParams {
  std::int64_t batch = 0, columns = 0;
  int modalities = 0;
  std::int64_t logits_stride = 0;  // elements between rows of every logits_m[batch, columns]
  std::int64_t y_stride = 0;       // of y[batch, columns]
  LateMean mean = LateMean::probability;
  HeadLink link = HeadLink::sigmoid;
};

namespace cpu {

// v[M], log_scale[1]: read for LateMean::stacked only. Double inside; rows are independent of each other.
template <class T>
void late_mean(const LateMeanParams& p, const EmbeddingPointers<T>& logits, const ModalityMask* present, const T* v,
               const T* log_scale, T* y);

}  // namespace cpu

// The same on a device, T = float or bf16; v and log_scale are float in both.
namespace gpu {

template <class T>
void late_mean(const LateMeanParams& p, const EmbeddingPointers<T>& logits, const ModalityMask* present, const float* v,
               const float* log_scale, T* y, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
