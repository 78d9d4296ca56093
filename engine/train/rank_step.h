// An optimizer step together with the other ranks: the gradient of all parts, what the parts have said, and who wants
// to stop. Nothing is decided by one rank alone, so no rank waits for one that has gone another way.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/comm/agreement.h"
#include "engine/comm/local.h"
#include "engine/optim/optimizer.h"
#include "engine/train/distribution.h"
#include "engine/train/gradient_sum.h"
#include "engine/train/non_finite.h"
#include "engine/train/objective.h"

namespace plait {

class RankStep {
 public:
  // Borrows the store and the communicator.
  RankStep(ParameterStore& store, const Distribution& distribution);

  const BatchParts& parts() const { return distribution_.parts; }
  bool zero() const { return distribution_.zero; }
  const std::vector<Piece>& own() const { return sum_.own(); }
  std::size_t extra_bytes() const { return sum_.extra_bytes(); }

  void begin_step();
  // Of the part whose batches come now.
  bool last_part() const { return sum_.last_part(); }
  void gradient_ready(int parameter) { sum_.ready(parameter); }
  void part_done(const LossTerms& loss);
  // A loss or gradient is not finite: goes on for the others' sake, settle() ends the run.
  void note_failure(const std::string& message);

  struct Outcome {
    LossTerms loss;     // of all parts, along the tree
    bool stop = false;  // some rank wants to
  };
  // The gradient buffer holds the sum (with ZeRO-1: that of the own pieces). Throws AgreedError when any rank has noted
  // a failure, or the gradient is not finite.
  Outcome settle(bool stop, const BatchRows& rows, std::int64_t step);

  // Between steps.
  bool any(bool here) { return any_rank(ranks_, here); }

  // With ZeRO-1. The norm of the whole gradient, in the order of kernels/reduce.h.
  double gradient_norm();
  // Everybody's pieces of the parameters reach everybody.
  void gather_values();
  // A buffer of own pieces one after the other (a moment), to and from one in the layout of the flat parameters.
  void gather(const Buffer& pieces, Buffer& flat);
  void scatter(const Buffer& flat, Buffer& pieces) const;

 private:
  void all_gather_flat(void* flat);

  ParameterStore& store_;
  Distribution distribution_;
  LocalCommunicator alone_;
  Communicator& ranks_;
  GradientSum sum_;
  std::vector<GradientBucket> buckets_;
  std::vector<double> reports_;  // [ranks] of every part its loss terms, then the flags
  std::vector<Piece> report_pieces_;
  std::vector<double> block_sums_;  // in the order of the ranks
  std::vector<Piece> block_pieces_;
  std::vector<std::int64_t> block_order_;  // where they belong
  std::int64_t part_ = 0;
  std::string failure_;
};

}  // namespace plait
