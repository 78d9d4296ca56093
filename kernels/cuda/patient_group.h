// Threads that work on one patient together, and the walk of such groups over a batch.
//
// A LaneGroup is 1 .. 32 neighbouring lanes (a power of two, chosen so that a row fills them): a warp has 32 / size of
// them, each with a patient of its own. A BlockGroup is a whole block of 128 threads, for wide rows. Groups that
// advance together are a unit (a warp; a block); a unit takes a contiguous stretch of the batch. What belongs to a
// patient and not to an element (its mask, draws, weight) is looked up by one lane for each of the next 32 patients,
// coalesced and off the path of the loads that follow, and handed to the group by a shuffle.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "kernels/device/reduce.h"

namespace plait::cuda {

inline constexpr int group_threads = 128;  // a block, of both kinds
inline constexpr int group_warps = group_threads / device::warp_size;

struct Units {
  std::int64_t count = 0;  // of the whole grid
  int lanes = 0;           // of a LaneGroup
};

// lanes = 0: as many as the launch says (Units::lanes).
template <int lanes>
class LaneGroup {
 public:
  static constexpr int units_a_block = group_warps;

  __device__ __forceinline__ explicit LaneGroup(const Units& units) : size_(lanes != 0 ? lanes : units.lanes) {}
  __device__ __forceinline__ int size() const { return lanes != 0 ? lanes : size_; }
  __device__ __forceinline__ int rank() const { return static_cast<int>(threadIdx.x) & (size() - 1); }
  __device__ __forceinline__ int slots() const { return device::warp_size / size(); }
  // Which patient of the unit.
  __device__ __forceinline__ int slot() const {
    return lanes == device::warp_size ? 0 : static_cast<int>(threadIdx.x) % device::warp_size / size();
  }
  __device__ __forceinline__ std::int64_t unit() const {
    return std::int64_t{blockIdx.x} * group_warps + threadIdx.x / device::warp_size;
  }
  __device__ __forceinline__ bool is_first_warp() const { return true; }

  // Every thread of the group receives the sums; all groups of the unit call it.
  template <int N>
  __device__ __forceinline__ void sum(float (&x)[N]) const {
    PLAIT_UNROLL
    for (int offset = device::warp_size / 2; offset > 0; offset /= 2) {
      if (offset >= size()) continue;
      PLAIT_UNROLL
      for (int i = 0; i < N; ++i) x[i] += __shfl_xor_sync(device::full_warp, x[i], offset);
    }
  }

 private:
  int size_;
};

class BlockGroup {
 public:
  static constexpr int units_a_block = 1;

  __device__ __forceinline__ explicit BlockGroup(const Units&) {}
  __device__ __forceinline__ int size() const { return group_threads; }
  __device__ __forceinline__ int rank() const { return static_cast<int>(threadIdx.x); }
  __device__ __forceinline__ int slot() const { return 0; }
  __device__ __forceinline__ int slots() const { return 1; }
  __device__ __forceinline__ std::int64_t unit() const { return blockIdx.x; }
  __device__ __forceinline__ bool is_first_warp() const { return threadIdx.x < device::warp_size; }

  template <int N>
  __device__ __forceinline__ void sum(float (&x)[N]) const {
    struct Sums {
      float of_warp[group_warps][N];
    };
    Sums& sums = device::block_shared<Sums>();
    const int lane = static_cast<int>(threadIdx.x) % device::warp_size;
    __syncthreads();  // the previous sums have been read
    PLAIT_UNROLL
    for (int i = 0; i < N; ++i) {
      x[i] = device::warp_sum(x[i]);
      if (lane == 0) sums.of_warp[threadIdx.x / device::warp_size][i] = x[i];
    }
    __syncthreads();
    PLAIT_UNROLL
    for (int i = 0; i < N; ++i)
      x[i] = (sums.of_warp[0][i] + sums.of_warp[1][i]) + (sums.of_warp[2][i] + sums.of_warp[3][i]);
  }
};

// A patient as one lane has looked it up.
struct Patient {
  unsigned present = 0;  // bits of the modalities inside the softmax
  unsigned pulled = 0;   // bits of those in the alignment loss; none where the patient has no part in it
  float gradient_factor = 0.0f, value_factor = 0.0f;  // of this patient in the alignment loss
};

// body(b, patient) for every patient b of this group's unit; look_up(b) once a patient and unit. With the unit's other
// groups still at work a group without a patient gets b = -1 and an empty patient: collectives need it.
template <class Group, class LookUp, class Body>
__device__ __forceinline__ void walk_patients(const Group& group, const Units& units, std::int64_t batch,
                                              const LookUp& look_up, const Body& body) {
  const std::int64_t unit = group.unit();
  if (unit >= units.count) return;
  const std::int64_t first = batch * unit / units.count, last = batch * (unit + 1) / units.count;
  const int lane = static_cast<int>(threadIdx.x) % device::warp_size;
  for (std::int64_t base = first; base < last; base += device::warp_size) {
    const int count = static_cast<int>(std::min<std::int64_t>(device::warp_size, last - base));
    Patient mine;
    if (lane < count) mine = look_up(base + lane);
    const unsigned my_bits = mine.present | mine.pulled << 8;
    for (int next = 0; next < count; next += group.slots()) {
      const int source = next + group.slot();
      const unsigned bits = __shfl_sync(device::full_warp, my_bits, source);
      const float gradient_factor = __shfl_sync(device::full_warp, mine.gradient_factor, source),
                  value_factor = __shfl_sync(device::full_warp, mine.value_factor, source);
      body(source < count ? base + source : -1, Patient{bits & 0xFFu, bits >> 8, gradient_factor, value_factor});
    }
  }
}

// Lanes for a row of `packs` packs: the fewest powers of two that cover it.
inline int lanes_for(std::int64_t packs) {
  return static_cast<int>(std::bit_ceil(static_cast<std::uint64_t>(std::clamp<std::int64_t>(packs, 1, 32))));
}

}  // namespace plait::cuda
