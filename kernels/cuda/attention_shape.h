// Which kernel of attention fusion takes a problem: how many modalities and packs its registers hold, and how many
// threads a patient gets.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cuda/patient_group.h"
#include "kernels/device/pack.h"

namespace plait::cuda {

// M embeddings of `packs` packs a thread, in registers. packs = 0: any width, from memory.
template <int M, int P, class G>
struct AttentionShape {
  static constexpr int modalities = M, packs = P;
  using Group = G;
};

// At most 64 registers of embeddings (float), 32 (bf16) a thread: M d <= 2048 for a warp, 8192 for a block.
template <class T, int M>
constexpr int most_packs = M == 3 ? 16 / device::Pack<T>::size : 64 / device::Pack<T>::size / M;

// f(AttentionShape) for the smallest that fits. Every kernel costs seconds of building, so only M = 3, what a model
// usually has, gets each number of packs. M = 1, 2 take the registers of 3 and M = 5 .. 7 those of 8: modalities that
// there are not are skipped by whole warps, unread, and no more bytes are in flight than were. M = 4 and 8 go from one
// pack at once to the most: 64 registers of embeddings leave 16 warps, whose reads cover the memory's latency.
template <class T, class F>
void with_attention_shape(std::int64_t width, int modalities, bool packed, const F& f) {
  const std::int64_t packs = (width + device::Pack<T>::size - 1) / device::Pack<T>::size;
  const auto with_packs = [&]<int M, int P>(const auto& next) {
    if (packs <= P * device::warp_size)
      f(AttentionShape<M, P, LaneGroup<P == 1 ? 0 : device::warp_size>>{});
    else if constexpr (P < most_packs<T, M>)
      next.template operator()<M, M == 3 ? 2 * P : most_packs<T, M>>(next);
    else if (packs <= P * group_threads)
      f(AttentionShape<M, P, BlockGroup>{});
    else
      f(AttentionShape<max_modalities, 0, BlockGroup>{});
  };
  if (!packed)
    f(AttentionShape<max_modalities, 0, BlockGroup>{});
  else if (modalities <= 3)
    with_packs.template operator()<3, 1>(with_packs);
  else if (modalities == 4)
    with_packs.template operator()<4, 1>(with_packs);
  else
    with_packs.template operator()<8, 1>(with_packs);
}

// Forward: many short units, so that whoever is done makes room, up to eight patients each once the device is full.
template <class Shape>
Units forward_units(std::int64_t batch, std::int64_t packs) {
  constexpr bool lanes = Shape::Group::units_a_block > 1;
  Units units{.lanes = lanes_for(packs)};
  const std::int64_t slots = lanes ? device::warp_size / units.lanes : 1;
  const std::int64_t full = (lanes ? 4096 : 1024) * slots;  // patients of a device that is full
  const std::int64_t a_unit = slots * std::clamp<std::int64_t>(batch / full, 1, 8);
  units.count = (batch + a_unit - 1) / a_unit;
  return units;
}

// Backward: every block leaves a partial sum of dw, so there are few blocks: four for each of an H100's 132
// multiprocessors. The count depends on the batch alone, never on the device: so do the bits.
inline constexpr std::int64_t most_partial_rows = 528;

template <class Shape>
Units backward_units(std::int64_t batch, std::int64_t packs) {
  constexpr int in_block = Shape::Group::units_a_block;
  Units units{.lanes = lanes_for(packs)};
  const std::int64_t slots = in_block > 1 ? device::warp_size / units.lanes : 1;
  units.count = std::min((batch + slots - 1) / slots, most_partial_rows * in_block);
  return units;
}

}  // namespace plait::cuda
