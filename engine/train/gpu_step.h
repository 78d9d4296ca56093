// Training steps on a GPU without waiting for it: every batch is carried over and a captured graph runs forward,
// losses, backward and, for the last batch of a group, the update. What a step has to say goes to a ring on the device
// that is read every few steps.
//
// With parts the last batch of a step holds the exchange of gradients too, bucket by bucket beside the backward pass.
// All ranks read their rings behind the same batch and tell each other what is in them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "engine/device_times.h"
#include "engine/optim/optimizer.h"
#include "engine/tape.h"
#include "engine/train/device_batch.h"
#include "engine/train/non_finite.h"
#include "engine/train/objective.h"
#include "engine/train/rank_step.h"
#include "engine/train/step_place.h"

namespace plait {

// What a batch, or with parts a whole step's batches, has said.
struct BatchNumbers {
  LossTerms loss;  // without L2
  double l2 = 0.0;
  bool last = false;  // of its group: an update followed
};

class GpuStep {
 public:
  // Borrows all; ranks: null without parts.
  GpuStep(Objective& objective, Optimizer& optimizer, const TrainOptions& options, RankStep* ranks = nullptr);

  // learning_rates: of every step of the run; step: done before.
  void begin(std::int64_t step, const std::vector<float>& learning_rates);

  // Enqueues a batch: its gradients overwrite those before (first of a part) or are added; behind the last one of a
  // step the update follows. Throws OutOfMemory.
  void submit(const Batch& batch, const StepPlace& place);

  // The batches that have been submitted and not collected, in order; with parts the steps. wait = false: only when the
  // ring is half full. Throws Error(numeric) for the first one whose numbers are not finite, naming tensor, step and
  // rows; with several ranks all throw AgreedError. stop, which may be empty, is asked where ranks agree.
  std::vector<BatchNumbers> collect(bool wait, const std::function<bool()>& stop = {});
  // With several ranks: one of them has wanted to stop when they agreed last.
  bool stop_agreed() const { return stop_agreed_; }

  // The memory of steps goes back to the device, behind a submit() that found too little.
  void give_back();

  // Spans of the host's phases and of the device's steps go there; null: nowhere.
  void set_trace(Trace* trace) {
    trace_ = trace;
    times_.set_trace(trace);
  }

  Arena& arena() { return arena_; }
  std::size_t graph_nodes() const;  // of the largest captured step; 0: none yet

 private:
  static constexpr std::int64_t ring_length = 64;
  struct Pending {
    BatchRows rows;
    DataLosses losses;
    std::int64_t step = 0;
    bool last_of_part = false, last = false;
  };
  const Batch& upload(const Batch& batch);
  void run(const Batch& batch, bool first, bool last);
  void backward(bool first, bool last);
  void update(StepScalars* scalars, double* norm);
  void take(const Pending& pending, const BatchNumbers& numbers, const double* row);
  std::vector<BatchNumbers> settle(const std::function<bool()>& stop);
  void check_finite(const Pending& pending, const BatchNumbers& numbers, const double* row) const;

  Objective& objective_;
  Optimizer& optimizer_;
  TrainOptions options_;
  Device device_;
  Arena arena_;
  Tape tape_;
  std::optional<DeviceBatches> batches_;
  Buffer scalars_, learning_rates_, ring_, logged_;
  std::int64_t rate_count_ = 0, submitted_steps_ = 0;
  DataLosses losses_;  // of the step that was enqueued last: the same slots at every step
  std::uint64_t submitted_ = 0, collected_ = 0;
  std::vector<Pending> pending_;

  RankStep* ranks_;
  LossTerms part_loss_;                 // of the part that is being collected
  std::vector<LossTerms> part_losses_;  // collected, of steps that are not settled
  std::vector<double> l2_;              // of those steps that have ended
  bool stop_agreed_ = false;

  Trace* trace_ = nullptr;
  DeviceTimes times_;

  // A graph for each kind of step, dropped when the arena's memory moves.
  struct Kind {
    Graph graph;
    DataLosses losses;
    int runs = 0;
  };
  std::array<Kind, std::size_t{4} * DeviceBatches::places> kinds_;
  std::int64_t arena_blocks_ = 0;
};

}  // namespace plait
