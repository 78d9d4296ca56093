// What is right, in double and by plain loops on the device, for samples spread over a result; returned is
// ||actual - expected|| / ||expected|| over the samples (NaN when anything is NaN). Slow, independent of the kernels.
#pragma once

#include <limits>

#include "kernels/attention_fusion_step.h"
#include "kernels/binary_cross_entropy.h"
#include "kernels/conv2d.h"
#include "kernels/gemm.h"
#include "kernels/max_pool.h"
#include "kernels/optimizer.h"
#include "kernels/stream.h"

namespace plait::bench {

// The larger of two errors; a NaN wins.
inline double worse(double a, double b) {
  return a >= b ? a : (b > a ? b : std::numeric_limits<double>::quiet_NaN());
}

template <class T, class Out>
double product_error(const gpu::GemmParams& p, const T* a, const T* b, const float* bias, const Out* y, const Out* c,
                     cudaStream_t stream);

template <class T>
double conv2d_forward_error(const Conv2dParams& p, const T* x, const T* weight, const float* bias, const T* y,
                            cudaStream_t stream);
template <class T>
double conv2d_input_gradient_error(const Conv2dParams& p, const T* weight, const T* dy, const T* dx,
                                   cudaStream_t stream);
template <class T>
double conv2d_weight_gradient_error(const Conv2dParams& p, const T* x, const T* dy, const float* dweight,
                                    cudaStream_t stream);

template <class T>
double max_pool_forward_error(const MaxPoolParams& p, const T* x, const T* y, cudaStream_t stream);
template <class T>
double max_pool_backward_error(const MaxPoolParams& p, const std::uint8_t* argmax, const T* dy, const T* dx,
                               cudaStream_t stream);

template <class T>
struct FusionOperands {
  AttentionFusionParams p;
  EmbeddingPointers<T> z{};
  const T* weight = nullptr;
  const ModalityMask* present = nullptr;
  const T* d_fused = nullptr;  // backward
};
template <class T>
double fusion_forward_error(const FusionOperands<T>& o, const T* fused, cudaStream_t stream);

// The alignment loss's part of dz, see alignment.h, in the mean form; scale = coefficient / denominator, every
// weight 1.
struct FusionAlignment {
  const ModalityMask* available = nullptr;  // null: no alignment
  double scale = 0;
};
template <class T>
double fusion_backward_error(const FusionOperands<T>& o, const FusionAlignment& alignment,
                             const EmbeddingPointers<T>& dz, const float* dweight, cudaStream_t stream);

enum class Loss { binary_cross_entropy, squared_error, softmax_cross_entropy };
// Gradient and value; every weight 1, the denominator `batch`. classes for softmax, targets for the others.
template <class T>
double loss_error(Loss loss, const LossParams& p, const T* x, const float* targets, const std::int32_t* classes,
                  const T* gradient, const double* value, cudaStream_t stream);

struct AdamState {
  const float *gradients = nullptr, *weights = nullptr, *first_moment = nullptr, *second_moment = nullptr;
};
double adam_error(const AdamParams& p, const StepScalars& scalars, const AdamState& before, const AdamState& after,
                  cudaStream_t stream);

template <class T>
double column_sums_error(std::int64_t rows, std::int64_t columns, const T* x, const float* sums, cudaStream_t stream);

// dz = y > 0 ? dy : 0.
template <class T>
double relu_gradient_error(std::int64_t count, const T* y, const T* dy, const T* dz, cudaStream_t stream);

double sum_error(std::int64_t count, const float* x, bool squares, const double* value, cudaStream_t stream);

// y against `scale` times x (1: a copy), where y was not set to zero.
template <class T>
double scaled_error(std::int64_t count, double scale, const T* x, const T* y, cudaStream_t stream);

// copy[i] = x[i] rounded to bf16: exactly.
double rounded_error(std::int64_t count, const float* x, const bf16* copy, cudaStream_t stream);

// Tables: y = ((isnan(x) ? fill : x) - mean) * scale of row index[b]; zeros where index[b] < 0.
struct GatherOperands {
  std::int64_t batch = 0, columns = 0;
  const float* source = nullptr;
  const std::int64_t* index = nullptr;
  const float *fill = nullptr, *mean = nullptr, *scale = nullptr;
};
double gather_error(const GatherOperands& o, const bf16* y, cudaStream_t stream);

}  // namespace plait::bench
