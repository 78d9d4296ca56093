// Minus the logarithm of Cox's partial likelihood with Efron's treatment of tied events, mean over events, value and
// gradient together. Sources: Cox 1972; Efron 1977; with weights as Therneau, Grambsch 2000 (section 3.3).
//
//   R_t: patients whose time is at least t;  D_t: those with an event at t, d of them, w_t = sum of D_t's weights
//   loss = 1/W sum_t [ w_t/d sum_{l=0}^{d-1} log(sum_{R_t} w e^x - l/d sum_{D_t} w e^x) - sum_{D_t} w x ],
//   W = sum of the weights of all events.
//
// Exponentials are taken against the largest risk of R_t, which is known on the way from late to early times: any
// finite risks give a finite loss, and a shift of all risks changes nothing but roundings. O(n) for any ties.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/grad_mode.h"
#include "kernels/stream.h"

namespace plait {

struct CoxParams {
  std::int64_t batch = 0;
  std::int64_t stride = 0;   // elements between rows of the risks[batch, 1] and of their gradient
  double coefficient = 1.0;  // multiplies the gradient, not the value
};

namespace cpu {

// Scratch, aligned to 8 bytes.
std::size_t cox_workspace_bytes(std::int64_t batch);

// outcomes[batch, 2], contiguous: time, and 1 for an event or 0 for a censored patient; rows in descending order of
// time, those of weight 0 too. weights[batch], >= 0: a weight of 0 takes a patient out of events and risk sets alike
// (selected, the gradient is an exact zero). Without an event the value is 0 and so is the gradient. Sums run in double
// from the first row to the last and back, in one thread.
template <class T>
void cox_partial_likelihood(const CoxParams& p, const T* risks, const float* outcomes, const float* weights,
                            double* value, GradSlice<T> gradient, void* workspace);

}  // namespace cpu

// The same on a device, T = float or bf16, in double inside: sums go along a tree that the shape decides, so that value
// and gradient are the same at every run and differ from the CPU's in the last bits of a double. One block walks along
// the patients, cox_threads of them at a time: meant for full batches of some thousands.
namespace gpu {

inline constexpr int cox_threads = 512;

std::size_t cox_workspace_bytes(std::int64_t batch);

template <class T>
void cox_partial_likelihood(const CoxParams& p, const T* risks, const float* outcomes, const float* weights,
                            double* value, GradSlice<T> gradient, void* workspace, cudaStream_t stream);

}  // namespace gpu
}  // namespace plait
