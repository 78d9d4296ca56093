// An optimizer step together with the other ranks: the gradient of all parts, what the parts have said, and who wants
// to stop. Nothing is decided by one rank alone, so no rank waits for one that has gone another way.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/comm/agreement.h"
#include "engine/comm/local.h"
#include "engine/optim/optimizer.h"
#include "engine/train/distribution.h"
#include "engine/train/gradient_sum.h"
#include "engine/train/non_finite.h"
#include "engine/train/objective.h"
#include "engine/train/sharded_norm.h"

namespace plait {

class RankStep {
 public:
  // Borrows the store and the communicator.
  RankStep(ParameterStore& store, const Distribution& distribution);
  ~RankStep() { set_trace(nullptr); }
  RankStep(const RankStep&) = delete;
  RankStep& operator=(const RankStep&) = delete;

  void set_trace(Trace* trace) { ranks_.set_trace(trace); }

  const BatchParts& parts() const { return distribution_.parts; }
  bool zero() const { return distribution_.zero && !alone(); }
  const std::vector<Piece>& own() const { return sum_.own(); }
  std::size_t extra_bytes() const { return sum_.extra_bytes(); }

  void begin_step();
  // Of the part whose batches come now.
  bool last_part() const { return sum_.last_part(); }
  void gradient_ready(int parameter) { sum_.ready(parameter); }
  void part_done(const LossTerms& loss);  // on the CPU

  // On a GPU, enqueued there: the gradient buffer holds that of a part; the last part's buckets are summed up too.
  void part_enqueued();
  void finish_sum() { sum_.finish(); }
  // A captured step has been replayed that holds part_enqueued() and finish_sum().
  void replayed();

  // A loss or gradient is not finite: goes on for the others' sake, settle() ends the run.
  void note_failure(const std::string& message);

  struct Outcome {
    LossTerms loss;     // of all parts, along the tree
    bool stop = false;  // some rank wants to
  };
  // The gradient buffer holds the sum (with ZeRO-1: that of the own pieces). Throws AgreedError when any rank has noted
  // a failure, or the gradient is not finite.
  Outcome settle(bool stop, const BatchRows& rows, std::int64_t step);

  // On a GPU a few steps later: own_parts has the own parts' losses of whole steps, in order. As settle().
  struct Outcomes {
    std::vector<LossTerms> losses;  // of each step
    bool stop = false;
  };
  Outcomes settle_steps(std::span<const LossTerms> own_parts, bool stop);

  // Between steps.
  bool any(bool here) { return any_rank(ranks_, here); }
  bool alone() const { return ranks_.size() == 1; }

  // With ZeRO-1. The norm of the whole gradient, in the order of kernels/reduce.h.
  double gradient_norm() { return norm_->norm(); }
  // Everybody's pieces of the parameters reach everybody. On a GPU both are enqueued on the device's stream.
  void gather_values();
  void enqueue_clip(double clip, double* norm, StepScalars* scalars) { norm_->enqueue_clip(clip, norm, scalars); }
  // A buffer of own pieces one after the other (a moment), to and from one in the layout of the flat parameters.
  void gather(const Buffer& pieces, Buffer& flat);
  void scatter(const Buffer& flat, Buffer& pieces) const;

 private:
  void all_gather_flat(Communicator& ranks, void* flat);
  Communicator& gradient_ranks();

  ParameterStore& store_;
  Distribution distribution_;
  LocalCommunicator alone_;
  Communicator& ranks_;
  GradientSum sum_;
  std::vector<LossTerms> part_losses_;  // of the step under way
  std::optional<ShardedNorm> norm_;     // with ZeRO-1
  std::string failure_;
};

}  // namespace plait
