// Late fusion: the logits of M towers become one row (kernels/late_mean.h has the three means). A handful of logits a
// patient, so the launch decides: clarity first, in double, with the CPU's operations. A thread an element of y; the
// normalisers of softmax heads belong to a patient, there a thread takes a whole row.
#include "kernels/late_mean.h"

#include <algorithm>
#include <cmath>

#include "kernels/device/entry.h"
#include "kernels/launch.h"
#include "kernels/math/bf16.h"

namespace plait {
namespace {

constexpr int threads = 128;

// log sum exp of values met one by one, without overflow.
struct LogSum {
  double largest = -INFINITY, sum = 0.0;

  __device__ __forceinline__ void add(double x) {
    if (x > largest) {
      sum = sum * std::exp(largest - x) + 1.0;
      largest = x;
    } else {
      sum += std::exp(x - largest);
    }
  }
  __device__ __forceinline__ double value() const { return largest + std::log(sum); }
};

__device__ __forceinline__ double log_sigmoid(double x) {
  return std::min(x, 0.0) - std::log1p(std::exp(-std::fabs(x)));
}

template <class T>
struct LateProblem {
  LateMeanParams p;
  EmbeddingPointers<T> logits;
  const ModalityMask* present;
  const float *v, *log_scale;
  T* y;

  __device__ __forceinline__ ModalityMask mask(std::int64_t b) const {
    return static_cast<ModalityMask>(present[b] & ((1u << p.modalities) - 1u));
  }
  // f(m, logit c of tower m) for every present tower.
  template <class F>
  __device__ __forceinline__ void each(std::int64_t b, std::int64_t c, const F& f) const {
    PLAIT_UNROLL
    for (int m = 0; m < max_modalities; ++m)
      if (has_modality(mask(b), m))
        f(m, static_cast<double>(to_float(device::entry(logits, m)[b * p.logits_stride + c])));
  }
  __device__ __forceinline__ void store(std::int64_t b, std::int64_t c, double value) const {
    y[b * p.y_stride + c] = from_float<T>(static_cast<float>(value));
  }
};

template <class T>
__device__ __forceinline__ double mean_of_sigmoids(const LateProblem<T>& q, std::int64_t b, std::int64_t c) {
  LogSum yes, no;
  q.each(b, c, [&](int, double logit) {
    yes.add(log_sigmoid(logit));
    no.add(log_sigmoid(-logit));
  });
  return yes.value() - no.value();
}

template <class T>
__device__ __forceinline__ double weighted_mean(const LateProblem<T>& q, std::int64_t b, std::int64_t c) {
  const bool stacked = q.p.mean == LateMean::stacked;
  float largest = -INFINITY;
  for (int m = 0; stacked && m < q.p.modalities; ++m) largest = std::max(largest, q.v[m]);
  double sum = 0.0, total = 0.0;
  q.each(b, c, [&](int m, double logit) {
    const double weight = stacked ? std::exp(static_cast<double>(q.v[m] - largest)) : 1.0;
    sum += weight * logit;
    total += weight;
  });
  return (stacked ? std::exp(static_cast<double>(*q.log_scale)) : 1.0) * sum / total;
}

template <class T>
__global__ void __launch_bounds__(threads, 4) late_mean_kernel(LateProblem<T> q) {
  const std::int64_t at = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (at >= q.p.batch * q.p.columns) return;
  const std::int64_t b = at / q.p.columns, c = at % q.p.columns;
  if (q.mask(b) == 0)
    q.store(b, c, 0.0);
  else if (q.p.mean == LateMean::probability && q.p.link == HeadLink::sigmoid)
    q.store(b, c, mean_of_sigmoids(q, b, c));
  else
    q.store(b, c, weighted_mean(q, b, c));
}

template <class T>
__global__ void __launch_bounds__(threads) late_softmax_mean_kernel(LateProblem<T> q) {
  const std::int64_t b = std::int64_t{blockIdx.x} * threads + threadIdx.x;
  if (b >= q.p.batch) return;
  double normaliser[max_modalities] = {};
  PLAIT_UNROLL
  for (int m = 0; m < max_modalities; ++m) {
    if (!has_modality(q.mask(b), m)) continue;
    LogSum sum;
    for (std::int64_t c = 0; c < q.p.columns; ++c)
      sum.add(static_cast<double>(to_float(device::entry(q.logits, m)[b * q.p.logits_stride + c])));
    normaliser[m] = sum.value();
  }
  const double log_count = std::log(static_cast<double>(count_modalities(q.mask(b))));
  for (std::int64_t c = 0; c < q.p.columns; ++c) {
    LogSum sum;
    q.each(b, c, [&](int m, double logit) { sum.add(logit - normaliser[m]); });
    q.store(b, c, q.mask(b) == 0 ? 0.0 : sum.value() - log_count);
  }
}

}  // namespace

namespace gpu {

template <class T>
void late_mean(const LateMeanParams& p, const EmbeddingPointers<T>& logits, const ModalityMask* present, const float* v,
               const float* log_scale, T* y, cudaStream_t stream) {
  const LateProblem<T> q{p, logits, present, v, log_scale, y};
  if (p.mean == LateMean::probability && p.link == HeadLink::softmax)
    launch(late_softmax_mean_kernel<T>, blocks_for(p.batch, threads), threads, 0, stream, q);
  else
    launch(late_mean_kernel<T>, blocks_for(p.batch * p.columns, threads), threads, 0, stream, q);
}

template void late_mean(const LateMeanParams&, const EmbeddingPointers<float>&, const ModalityMask*, const float*,
                        const float*, float*, cudaStream_t);
template void late_mean(const LateMeanParams&, const EmbeddingPointers<bf16>&, const ModalityMask*, const float*,
                        const float*, bf16*, cudaStream_t);

}  // namespace gpu
}  // namespace plait
