// The norm of a gradient whose blocks lie on several ranks, with the bits of one that lies on one: each rank squares
// and adds its own blocks (kernels/reduce.h), all get all sums, and each walks the tree over them.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/comm/communicator.h"
#include "engine/device.h"
#include "engine/parameters.h"
#include "engine/train/gradient_buckets.h"
#include "kernels/optimizer.h"

namespace plait {

class ShardedNorm {
 public:
  // Borrows store and ranks, which are where the gradients are. own: this rank's pieces of the buckets, ascending.
  ShardedNorm(const ParameterStore& store, Communicator& ranks, const std::vector<GradientBucket>& buckets,
              std::vector<Piece> own);

  double norm();  // on the CPU

  // On a GPU, enqueued on the device's stream: scalars->gradient_scale for that norm, which goes to *norm.
  void enqueue_clip(double clip, double* norm, StepScalars* scalars);

 private:
  // Of this rank's blocks, in the place of each in the sums of all.
  double* own_sums() const;
  template <class SumBlocks>
  void sum_own_blocks(const SumBlocks& sum_blocks) const;

  const ParameterStore& store_;
  Communicator& ranks_;
  std::vector<Piece> own_;
  std::vector<Piece> rank_blocks_;  // of each rank, in the order of the ranks
  Buffer sums_;                     // double, in that order
  Buffer order_;                    // std::int64_t: which block of the flat buffer each of them is
  Buffer ordered_;                  // double, in the order of the blocks
};

}  // namespace plait
