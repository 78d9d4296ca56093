// The training loop: epochs over a BatchSource, one optimizer step for every `accumulate` batches, early stopping on
// the validation loss, on the device where the objective's parameters are, alone or with other ranks. After the first
// steps a step allocates nothing; on a GPU the host does not wait for one.
//
// With ranks every one runs the same loop on its own parts of the batches. Hooks are called on all of them; what
// `validate` returns must be the same on all.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/arena.h"
#include "engine/optim/optimizer.h"
#include "engine/out_of_memory.h"
#include "engine/tape.h"
#include "engine/trace.h"
#include "engine/train/gpu_step.h"
#include "engine/train/non_finite.h"
#include "engine/train/objective.h"
#include "engine/train/options.h"
#include "engine/train/rank_step.h"
#include "engine/train/train_state.h"

namespace plait {

struct Validation {
  double loss = 0.0;                                    // task loss: decides early stopping
  std::vector<std::pair<std::string, double>> metrics;  // for the log
};

struct EpochRecord {
  std::int64_t epoch = 0;  // 1-based
  std::int64_t step = 0;   // optimizer steps done
  LossTerms train;         // mean over the epoch's steps
  bool validated = false;
  Validation validation;
  bool best = false;  // the validation loss is the best so far
  double learning_rate = 0.0;
  double patients_per_s = 0.0;
};

// Where an epoch stands, after every batch.
struct StepRecord {
  std::int64_t epoch = 0;               // 1-based
  std::int64_t step = 0;                // optimizer steps done
  std::int64_t batch = 0, batches = 0;  // done, and in the epoch
  double loss = 0.0;                    // mean of the epoch's optimizer steps so far (on a GPU: known so far)
  double patients_per_s = 0.0;
};

// Each may be empty; without `validate` there is no validation part.
struct TrainHooks {
  std::function<Validation()> validate;
  std::function<void(const EpochRecord&)> epoch_done;
  std::function<void(const StepRecord&)> step_done;
  // Asked at every optimizer step: true (on any rank) ends the run behind it, interrupted. On a GPU with several ranks:
  // asked when they read what their steps have said, every few of them.
  std::function<bool()> stop;
  // Called where a run could go on from, with Trainer::buffers() as they are then: every options.checkpoint_every
  // epochs, after the last one, and when `stop` ends the run.
  std::function<void(const TrainState&)> checkpoint;
  // Asked where a step finds no memory: true if something was given back, and the batch that was being submitted, still
  // in its place, is to be tried again.
  std::function<bool()> make_room = {};
  Trace* trace = nullptr;  // where the run leaves its spans
};

struct TrainResult {
  std::int64_t epochs = 0;      // run
  std::int64_t best_epoch = 0;  // whose parameters were kept; 0: the initial ones
  std::int64_t steps = 0;
  bool stopped_early = false;
  bool interrupted = false;  // hooks.stop ended it
  double seconds = 0.0;
  double patients_per_s = 0.0;  // over all epochs, validation not counted
};

class Trainer {
 public:
  // Borrows all, the distribution's communicator too.
  Trainer(Objective& objective, const TrainOptions& options, const Distribution& distribution = {});

  // Runs options.epochs epochs. With patience > 0 and a validation hook the parameters of the first best epoch are put
  // back at the end. Throws Error(numeric) on a non-finite loss or gradient (engine/train/non_finite.h), OutOfMemory
  // with a batch size that would fit when a step does not.
  // from: goes on from that state, whose buffers() the caller has put back: the same bits as without interruption.
  TrainResult run(BatchSource& source, const TrainHooks& hooks, const TrainState* from = nullptr);

  // What a checkpoint must hold beside the TrainState: on the host, and on a GPU or with a sharded optimizer an image
  // that is right when the checkpoint hook is called and is taken over when a run goes on.
  std::vector<TrainBuffer> buffers();

  // Of the gradients and the optimizer: what the distribution adds to and takes from one rank alone.
  std::size_t optimizer_bytes() const;
  std::size_t sum_bytes() const { return ranks_ ? ranks_->extra_bytes() : 0; }

  // On the CPU, one rank. Forward, backward of one batch; first: overwrite the parameters' gradients, else add to them.
  LossTerms accumulate(const Batch& batch, bool first);
  // L2, clipping, update; advances the step. Returns the L2 term.
  double update(double learning_rate);

  std::int64_t steps_done() const { return scalars_.step; }
  Arena& arena() { return gpu_ ? gpu_->arena() : arena_; }

 private:
  // Does a batch, or enqueues it.
  void enqueue(const Batch& batch, const StepPlace& place, double learning_rate);
  // The same on the CPU with other ranks, whose sum is there when the last own part is done.
  void enqueue_part(const Batch& batch, const StepPlace& place, double learning_rate, const TrainHooks& hooks);
  void update_with_ranks(double learning_rate, const LossTerms& loss);
  bool asked_to_stop(const TrainHooks& hooks);
  // What `check` throws, every rank throws.
  void check_together(const std::function<void()>& check) const;
  const Batch* load(BatchSource& source);
  // As enqueue(), again if hooks.make_room can help, and says what would fit when there is no memory.
  void submit(const Batch& batch, const StepPlace& place, double learning_rate, const TrainHooks& hooks);
  void submit_once(const Batch& batch, const StepPlace& place, double learning_rate, const TrainHooks& hooks);
  // Gives back what the step holds and tries out what fits.
  [[noreturn]] void fail_memory(const OutOfMemory& error, const Batch& batch, const TrainHooks& hooks);
  // What batches have said since the last call; wait: all that have been submitted.
  std::vector<BatchNumbers> collect(bool wait, const TrainHooks& hooks);
  void begin_on_gpu(std::int64_t total_steps, bool resumed);
  void for_each_buffer(const std::function<void(Buffer&)>& f);
  bool run_epoch(BatchSource& source, std::int64_t total_steps, const TrainHooks& hooks);
  bool stops_early(const TrainHooks& hooks) const { return options_.patience > 0 && hooks.validate != nullptr; }
  bool out_of_patience(const TrainHooks& hooks) const {
    return stops_early(hooks) && state_.best_epoch > 0 && state_.epoch - state_.best_epoch >= options_.patience;
  }
  void finish_epoch(const TrainHooks& hooks, EpochRecord& record);

  Objective& objective_;
  TrainOptions options_;
  Arena arena_;
  Tape tape_;
  std::unique_ptr<RankStep> ranks_;  // with parts or other ranks
  Optimizer optimizer_;
  StepScalars scalars_;
  TrainState state_;
  LossTerms part_loss_;                // of the own part under way
  bool stop_agreed_ = false;           // at the last step
  std::vector<Buffer> whole_moments_;  // of a sharded optimizer, while a checkpoint is written or read
  Buffer best_values_;                 // of state_.best_epoch, where patience asks for them
  BatchRows rows_;                     // of the last batch, for errors
  std::vector<BatchNumbers> numbers_;  // on the CPU: of the last batch
  std::unique_ptr<GpuStep> gpu_;
  Trace* trace_ = nullptr;
  double training_seconds_ = 0.0;
  std::int64_t patients_seen_ = 0;
};

}  // namespace plait
