// Cox's partial likelihood and its gradient in one launch of one block: a scan down the times makes the risk sets, a
// scan back up brings the events' terms to every patient; 128 B a patient, all of it in the cache for the some thousand
// patients of a full batch, where the latency of the scans decides. Each thread has one patient of a chunk.
//
// All terms of a tie stand side by side: the l-th event of it (by row) takes the term l, so that a thousand tied events
// are a thousand threads' work. What a tie has in common lies at its last row; the rows of a tie are found by
// bisection, which takes no step where no time is equal.
#include "kernels/cox_partial_likelihood.h"

#include <limits>

#include "kernels/device/reduce.h"
#include "kernels/device/scan.h"
#include "kernels/launch.h"
#include "kernels/math/bf16.h"
#include "kernels/math/elementary.h"

namespace plait {
namespace {

constexpr int threads = gpu::cox_threads;
constexpr double infinity = std::numeric_limits<double>::infinity();

// e^(from - to), `to` at least `from`; 1 for two infinities of one sign.
__device__ __forceinline__ double rescale(double from, double to) {
  return from == to ? 1.0 : exponential(from - to);
}

// Of the patients from the first row, or from the last time's first row, to here.
struct RiskSet {
  double top;          // the largest risk
  double at_risk;      // sum of w e^(x - top)
  double tied;         // of these, events of the last time
  double tied_weight;  // the sum of their weights
  int tied_events;
  int new_time;  // a time begins among these rows

  __device__ __forceinline__ RiskSet up(unsigned lanes) const {
    RiskSet set;
    set.top = __shfl_up_sync(device::full_warp, top, lanes);
    set.at_risk = __shfl_up_sync(device::full_warp, at_risk, lanes);
    set.tied = __shfl_up_sync(device::full_warp, tied, lanes);
    set.tied_weight = __shfl_up_sync(device::full_warp, tied_weight, lanes);
    set.tied_events = __shfl_up_sync(device::full_warp, tied_events, lanes);
    set.new_time = __shfl_up_sync(device::full_warp, new_time, lanes);
    return set;
  }
};

__device__ __forceinline__ RiskSet empty_risk_set() {
  return {-infinity, 0.0, 0.0, 0.0, 0, 0};
}

__device__ __forceinline__ RiskSet joined(const RiskSet& a, const RiskSet& b) {
  RiskSet both;
  both.top = b.top > a.top ? b.top : a.top;
  const double of_a = rescale(a.top, both.top), of_b = rescale(b.top, both.top);
  both.at_risk = of_a * a.at_risk + of_b * b.at_risk;
  both.tied = of_b * b.tied;
  both.tied_weight = b.tied_weight;
  both.tied_events = b.tied_events;
  if (b.new_time == 0) {
    both.tied += of_a * a.tied;
    both.tied_weight += a.tied_weight;
    both.tied_events += a.tied_events;
  }
  both.new_time = a.new_time | b.new_time;
  return both;
}

// The events' terms from the last row up to here, in units of e^-top; top falls from row to row.
struct Terms {
  double top;
  double inverse;       // sum of w/d / left
  double tied_inverse;  // of the events of this time, each times l/d
  int new_time;

  __device__ __forceinline__ Terms up(unsigned lanes) const {
    Terms terms;
    terms.top = __shfl_up_sync(device::full_warp, top, lanes);
    terms.inverse = __shfl_up_sync(device::full_warp, inverse, lanes);
    terms.tied_inverse = __shfl_up_sync(device::full_warp, tied_inverse, lanes);
    terms.new_time = __shfl_up_sync(device::full_warp, new_time, lanes);
    return terms;
  }
};

__device__ __forceinline__ Terms joined(const Terms& later, const Terms& here) {
  const double of_later = rescale(here.top, later.top);
  Terms both = here;
  both.inverse += of_later * later.inverse;
  // All events of one time have one top.
  if (here.new_time == 0) both.tied_inverse += later.tied_inverse;
  both.new_time |= later.new_time;
  return both;
}

// What stays of the scans, a row.
struct Scratch {
  double *top, *at_risk, *tied, *tied_weight, *inverse, *tied_inverse;
  std::int32_t* tied_events;
};

std::size_t carve(std::int64_t batch, std::byte* workspace, Scratch& scratch) {
  std::size_t used = 0;
  const auto take = [&]<class T>(T*& array) {
    array = reinterpret_cast<T*>(workspace + used);
    used += (static_cast<std::size_t>(batch) * sizeof(T) + 255) / 256 * 256;
  };
  take(scratch.top);
  take(scratch.at_risk);
  take(scratch.tied);
  take(scratch.tied_weight);
  take(scratch.inverse);
  take(scratch.tied_inverse);
  take(scratch.tied_events);
  return used;
}

struct Patients {
  std::int64_t batch;
  const float *outcomes, *weights;

  __device__ __forceinline__ float time(std::int64_t b) const { return outcomes[2 * b]; }
  __device__ __forceinline__ bool has_event(std::int64_t b) const { return outcomes[2 * b + 1] > 0.5f; }
  __device__ __forceinline__ bool begins_time(std::int64_t b) const { return b == 0 || time(b - 1) != time(b); }
  __device__ __forceinline__ bool ends_time(std::int64_t b) const { return b + 1 == batch || time(b + 1) != time(b); }

  __device__ __forceinline__ std::int64_t first_of_time(std::int64_t b) const {
    if (begins_time(b)) return b;
    std::int64_t low = 0, high = b - 1;
    while (low < high) {
      const std::int64_t middle = low + (high - low) / 2;
      if (time(middle) > time(b))
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
  __device__ __forceinline__ std::int64_t last_of_time(std::int64_t b) const {
    if (ends_time(b)) return b;
    std::int64_t low = b + 1, high = batch - 1;
    while (low < high) {
      const std::int64_t middle = low + (high - low + 1) / 2;
      if (time(middle) < time(b))
        high = middle - 1;
      else
        low = middle;
    }
    return low;
  }
};

template <class T>
__global__ void __launch_bounds__(threads)
    cox_partial_likelihood_kernel(CoxParams p, Patients patients, const T* risks, double* value, GradSlice<T> gradient,
                                  Scratch scratch) {
  const auto thread = static_cast<std::int64_t>(threadIdx.x), chunks = (p.batch + threads - 1) / threads;
  double event_weight = 0.0;
  RiskSet before = empty_risk_set();
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const std::int64_t b = chunk * threads + thread;
    RiskSet set = empty_risk_set();
    if (b < p.batch) {
      const float weight = patients.weights[b];
      set.new_time = patients.begins_time(b);
      if (weight != 0.0f) {
        set.top = static_cast<double>(to_float(risks[b * p.stride]));
        set.at_risk = static_cast<double>(weight);
        if (patients.has_event(b)) {
          set.tied = set.tied_weight = set.at_risk;
          set.tied_events = 1;
          event_weight += set.at_risk;
        }
      }
    }
    RiskSet total;
    set = joined(before, device::block_scan<threads>(set, total,
                                                     [](const RiskSet& a, const RiskSet& c) { return joined(a, c); }));
    before = joined(before, total);
    if (b < p.batch) {
      scratch.top[b] = set.top;
      scratch.at_risk[b] = set.at_risk;
      scratch.tied[b] = set.tied;
      scratch.tied_weight[b] = set.tied_weight;
      scratch.tied_events[b] = set.tied_events;
    }
  }
  event_weight = device::block_sum<threads>(event_weight);  // its barriers show every thread the scratch

  double loss = 0.0;
  Terms behind = {infinity, 0.0, 0.0, 0};
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const std::int64_t b = p.batch - 1 - (chunk * threads + thread);
    Terms terms = {-infinity, 0.0, 0.0, 0};
    if (b >= 0) {
      const std::int64_t last = patients.last_of_time(b);
      terms.top = scratch.top[last];
      terms.new_time = last == b;
      if (patients.weights[b] != 0.0f && patients.has_event(b)) {
        const double events = static_cast<double>(scratch.tied_events[last]);
        const double share = static_cast<double>(scratch.tied_events[b] - 1) / events;
        const double weight = scratch.tied_weight[last] / events;
        const double left = scratch.at_risk[last] - share * scratch.tied[last];
        const double risk = static_cast<double>(to_float(risks[b * p.stride]));
        loss += weight * logarithm(left) + static_cast<double>(patients.weights[b]) * (terms.top - risk);
        terms.inverse = weight / left;
        terms.tied_inverse = weight * share / left;
      }
    }
    Terms total;
    terms = joined(
        behind, device::block_scan<threads>(terms, total, [](const Terms& a, const Terms& c) { return joined(a, c); }));
    behind = joined(behind, total);
    if (b >= 0) {
      scratch.inverse[b] = terms.inverse;
      scratch.tied_inverse[b] = terms.tied_inverse;
    }
  }
  loss = device::block_sum<threads>(loss);
  if (thread == 0) *value = event_weight != 0.0 ? loss / event_weight : 0.0;
  if (gradient.mode == GradMode::ignore) return;

  const double factor = p.coefficient / event_weight;
  for (std::int64_t b = thread; b < p.batch; b += threads) {
    T& dx = gradient.data[b * p.stride];
    const float weight = patients.weights[b];
    if (weight == 0.0f || event_weight == 0.0) {
      if (gradient.mode == GradMode::overwrite) dx = from_float<T>(0.0f);
      continue;
    }
    const std::int64_t first = patients.first_of_time(b), last = patients.last_of_time(b);
    const double hazard = exponential(static_cast<double>(to_float(risks[b * p.stride])) - scratch.top[last]);
    double slope = hazard * scratch.inverse[first];
    if (patients.has_event(b)) slope = hazard * (scratch.inverse[first] - scratch.tied_inverse[first]) - 1.0;
    const auto added = static_cast<float>(factor * static_cast<double>(weight) * slope);
    dx = from_float<T>(gradient.mode == GradMode::accumulate ? to_float(dx) + added : added);
  }
}

}  // namespace

namespace gpu {

std::size_t cox_workspace_bytes(std::int64_t batch) {
  Scratch scratch;
  return carve(batch, nullptr, scratch);
}

template <class T>
void cox_partial_likelihood(const CoxParams& p, const T* risks, const float* outcomes, const float* weights,
                            double* value, GradSlice<T> gradient, void* workspace, cudaStream_t stream) {
  Scratch scratch;
  carve(p.batch, static_cast<std::byte*>(workspace), scratch);
  const Patients patients = {.batch = p.batch, .outcomes = outcomes, .weights = weights};
  launch(cox_partial_likelihood_kernel<T>, 1, threads, 0, stream, p, patients, risks, value, gradient, scratch);
}

template void cox_partial_likelihood(const CoxParams&, const float*, const float*, const float*, double*,
                                     GradSlice<float>, void*, cudaStream_t);
template void cox_partial_likelihood(const CoxParams&, const bf16*, const float*, const float*, double*,
                                     GradSlice<bf16>, void*, cudaStream_t);

}  // namespace gpu
}  // namespace plait
