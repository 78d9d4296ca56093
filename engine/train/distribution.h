// How a training is spread over ranks: which parts of every batch are this rank's and what the ranks share.
#pragma once

#include <cstdint>

#include "engine/comm/communicator.h"
#include "engine/train/batch_parts.h"

namespace plait {

struct Distribution {
  BatchParts parts = {};
  Communicator* ranks = nullptr;         // in host memory; null: this rank alone
  Communicator* device_ranks = nullptr;  // the same ranks in the device's memory, where gradients are there
  bool tree = true;                      // the same bits for any number of ranks; false: plain sums
  bool zero = false;                     // ZeRO-1: each rank keeps the optimizer's state of its own pieces
  std::int64_t bucket_bytes = std::int64_t{4} << 20;
  bool bf16_gradients = false;  // the sums of parts are kept and exchanged in bf16 (gradient_sum.h); not plain sums

  bool alone() const { return parts.count == 1 && (ranks == nullptr || ranks->size() == 1); }
};

}  // namespace plait
