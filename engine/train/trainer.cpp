#include "engine/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "engine/error.h"
#include "engine/optim/schedule.h"
#include "engine/train/fitting_batch.h"

namespace plait {
namespace {

std::unique_ptr<RankStep> rank_step(Objective& objective, const Distribution& distribution) {
  if (distribution.alone()) return nullptr;
  return std::make_unique<RankStep>(objective.parameters(), distribution);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Trainer::Trainer(Objective& objective, const TrainOptions& options, const Distribution& distribution)
    : objective_(objective),
      options_(options),
      tape_(arena_),
      ranks_(rank_step(objective, distribution)),
      optimizer_(objective.parameters(), options,
                 ranks_ && ranks_->zero() ? std::optional(ranks_->own()) : std::nullopt),
      best_values_(options.patience > 0 ? objective.parameters().flat_bytes() : 0, objective.parameters().device(),
                   "the best parameters so far") {
  if (objective.parameters().device().is_gpu())
    gpu_ = std::make_unique<GpuStep>(objective, optimizer_, options_, ranks_.get());
}

void Trainer::for_each_buffer(const std::function<void(Buffer&)>& f) {
  f(objective_.parameters().value_buffer());
  for (std::size_t i = 0; i < optimizer_.moment_count(); ++i) f(optimizer_.moment(i));
  if (!best_values_.empty()) f(best_values_);
}

std::vector<TrainBuffer> Trainer::buffers() {
  std::vector<TrainBuffer> all{{"parameter", objective_.parameters().values()}};
  const bool sharded = ranks_ && ranks_->zero();
  if (sharded)
    while (whole_moments_.size() < optimizer_.moment_count())
      whole_moments_.emplace_back(objective_.parameters().flat_bytes());
  for (std::size_t i = 0; i < optimizer_.moment_count(); ++i)
    all.push_back({"moment" + std::to_string(i + 1), sharded ? whole_moments_[i].host() : optimizer_.moment(i).host()});
  if (!best_values_.empty()) all.push_back({"best", best_values_.host()});
  return all;
}

std::size_t Trainer::optimizer_bytes() const {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < optimizer_.moment_count(); ++i) bytes += optimizer_.moment(i).size();
  return bytes;
}

LossTerms Trainer::accumulate(const Batch& batch, bool first) {
  tape_.reset();
  rows_.take(batch);
  const StepContext context{.training = true,
                            .seed = options_.seed,
                            .step = &scalars_.step,
                            .rows = reinterpret_cast<const std::uint32_t*>(batch.rows.as<std::int32_t>())};
  LossTerms terms;
  {
    const Phase phase(trace_, "forward");
    terms = objective_.loss(tape_, context, batch).evaluate();
  }
  if (!std::isfinite(terms.total())) {
    try {
      fail_loss(tape_, objective_.parameters(), batch, scalars_.step + 1);
    } catch (const Error& error) {
      if (!ranks_) throw;
      ranks_->note_failure(error.what());
    }
  }
  const Phase phase(trace_, "backward");
  tape_.backward(!first);
  return terms;
}

double Trainer::update(double learning_rate) {
  const Phase phase(trace_, "optimizer");
  scalars_.learning_rate = static_cast<float>(learning_rate);
  const double l2 = optimizer_.add_l2();
  check_gradients_finite(objective_.parameters(), rows_, scalars_.step + 1);
  optimizer_.step(scalars_);
  ++scalars_.step;
  return l2;
}

void Trainer::fail_memory(const OutOfMemory& error, const Batch& batch, const TrainHooks& hooks) {
  if (gpu_) gpu_->give_back();
  arena_.clear();
  const auto validate = [&] {
    if (hooks.validate) hooks.validate();
  };
  const std::int64_t fits = fitting_batch_size(objective_, batch, options_.seed, validate);
  if (fits == 0)
    throw error.with_advice(std::string("not even one patient fits") +
                            (hooks.validate ? " that leaves room for the validation: " : ": ") +
                            OutOfMemory::smaller_model);
  const std::int64_t parts = (batch.size + fits - 1) / fits;
  throw error.with_advice("a step of " + std::to_string(batch.size) + " patients does not fit, one of " +
                          std::to_string(fits) + " does: set train.batch_size = " + std::to_string(fits) + ", or " +
                          std::to_string((batch.size + parts - 1) / parts) + " with train.accumulate = " +
                          std::to_string(options_.accumulate * parts) + ", which is about the same step");
}

void Trainer::submit_once(const Batch& batch, const StepPlace& place, double learning_rate, const TrainHooks& hooks) {
  try {
    if (ranks_ && !gpu_)
      enqueue_part(batch, place, learning_rate, hooks);
    else
      enqueue(batch, place, learning_rate);
  } catch (const gpu::Failure& failure) {
    if (failure.kind() != gpu::Failure::Kind::out_of_memory) throw;
    throw OutOfMemory({.what = std::string("a step: ") + failure.what(), .free = {}});
  }
}

void Trainer::submit(const Batch& batch, const StepPlace& place, double learning_rate, const TrainHooks& hooks) {
  try {
    submit_once(batch, place, learning_rate, hooks);
  } catch (const OutOfMemory& error) {
    // The first batch of a step overwrites whatever the attempt has left in the gradients; a later one would add to it.
    // Nor can a rank try again by itself what it has begun together with others.
    const bool again = place.first_of_step && (!ranks_ || ranks_->alone());
    if (!again || !hooks.make_room || !hooks.make_room()) fail_memory(error, batch, hooks);
    if (gpu_) gpu_->give_back();
    try {
      submit_once(batch, place, learning_rate, hooks);
    } catch (const OutOfMemory& still) {
      fail_memory(still, batch, hooks);
    }
  }
}

void Trainer::enqueue(const Batch& batch, const StepPlace& place, double learning_rate) {
  const bool last = place.last_of_step;
  if (gpu_) {
    gpu_->submit(batch, place);
    if (last) scalars_ = {.step = scalars_.step + 1, .learning_rate = static_cast<float>(learning_rate)};
    return;
  }
  numbers_.assign(1, {.loss = accumulate(batch, place.first_of_step), .last = last});
  if (last) numbers_[0].l2 = update(learning_rate);
}

void Trainer::enqueue_part(const Batch& batch, const StepPlace& place, double learning_rate, const TrainHooks& hooks) {
  if (place.first_of_step) ranks_->begin_step();
  if (place.first_of_part) part_loss_ = {};
  if (place.last_of_part && ranks_->last_part())
    tape_.set_grad_ready([this](int parameter) { ranks_->gradient_ready(parameter); });
  part_loss_ += accumulate(batch, place.first_of_part);
  tape_.set_grad_ready({});
  if (place.last_of_part) ranks_->part_done(part_loss_);
  if (!place.last_of_step) return;
  RankStep::Outcome outcome;
  {
    const Phase phase(trace_, "ranks");
    outcome = ranks_->settle(hooks.stop && hooks.stop(), rows_, scalars_.step + 1);
  }
  stop_agreed_ = outcome.stop;
  update_with_ranks(learning_rate, outcome.loss);
}

void Trainer::update_with_ranks(double learning_rate, const LossTerms& loss) {
  const Phase phase(trace_, "optimizer");
  scalars_.learning_rate = static_cast<float>(learning_rate);
  numbers_.assign(1, {.loss = loss, .l2 = optimizer_.add_l2(), .last = true});
  if (ranks_->zero()) {
    optimizer_.step(scalars_, optimizer_.clips() ? ranks_->gradient_norm() : -1.0);
    ranks_->gather_values();
  } else {
    optimizer_.step(scalars_);
  }
  ++scalars_.step;
}

// All of them have the same numbers.
void Trainer::check_together(const std::function<void()>& check) const {
  try {
    check();
  } catch (const Error& error) {
    if (ranks_) throw AgreedError(error.code(), error.what());
    throw;
  }
}

// After a step all ranks know already.
bool Trainer::asked_to_stop(const TrainHooks& hooks) {
  if (ranks_ && !(gpu_ && ranks_->alone())) return gpu_ ? gpu_->stop_agreed() : stop_agreed_;
  return hooks.stop && hooks.stop();
}

std::vector<BatchNumbers> Trainer::collect(bool wait, const TrainHooks& hooks) {
  return gpu_ ? gpu_->collect(wait, hooks.stop) : std::exchange(numbers_, {});
}

const Batch* Trainer::load(BatchSource& source) {
  const Phase phase(trace_, "load batch");
  return source.next();
}

// Goes on with the epoch after state_.epoch, at batch state_.current.batches. False: hooks.stop ended it.
bool Trainer::run_epoch(BatchSource& source, std::int64_t total_steps, const TrainHooks& hooks) {
  const Phase phase(trace_, "epoch", state_.epoch + 1);
  const auto start = std::chrono::steady_clock::now();
  source.start_epoch(static_cast<std::uint32_t>(state_.epoch + 1));
  EpochSums& sums = state_.current;
  const std::int64_t parts = source.parts().own, batches = source.batches();
  for (std::int64_t skipped = 0; skipped < sums.batches * parts; ++skipped) source.next();
  const std::int64_t seen_before = sums.patients;
  // Batches of finished steps that were submitted, and parts of the step under way.
  std::int64_t submitted = sums.batches, in_step = 0;
  LossTerms step_loss;
  bool stop = false;
  const auto batches_of_step = [&](std::int64_t first) { return std::min(options_.accumulate, batches - first); };
  const auto take = [&](const BatchNumbers& numbers) {
    step_loss += numbers.loss;
    if (!numbers.last) return;
    sums.l2 += numbers.l2;
    sums.loss += step_loss;
    sums.batches += batches_of_step(sums.batches);
    sums.patients = std::min(sums.batches * source.batch_size(), source.patients());
    ++sums.updates;
    ++state_.step;
    step_loss = {};
  };
  while (!stop) {
    const Batch* batch = load(source);
    if (batch == nullptr) break;
    const std::int64_t members = batches_of_step(submitted), in_part = in_step % members;
    const StepPlace place{.first_of_step = in_step == 0,
                          .first_of_part = in_part == 0,
                          .last_of_part = in_part + 1 == members,
                          .last_of_step = in_step + 1 == members * parts};
    const double rate = scheduled_learning_rate(options_.schedule, options_.learning_rate, options_.warmup_steps,
                                                total_steps, scalars_.step);
    {
      const Phase step(trace_, "step", scalars_.step + 1);
      submit(*batch, place, rate, hooks);
    }
    for (const BatchNumbers& numbers : collect(false, hooks)) take(numbers);
    ++in_step;
    if (place.last_of_step) {
      submitted += members;
      in_step = 0;
      state_.learning_rate = rate;
      stop = asked_to_stop(hooks);
    }
    const std::int64_t done = submitted + in_step / parts;
    const std::int64_t patients = std::min(done * source.batch_size(), source.patients());
    if (hooks.step_done)
      hooks.step_done({.epoch = state_.epoch + 1,
                       .step = scalars_.step,
                       .batch = done,
                       .batches = batches,
                       .loss = sums.updates > 0 ? (sums.loss.total() + sums.l2) / static_cast<double>(sums.updates)
                                                : (ranks_ ? part_loss_ : step_loss).total(),
                       .patients_per_s = static_cast<double>(patients - seen_before) / seconds_since(start)});
  }
  for (const BatchNumbers& numbers : collect(true, hooks)) take(numbers);
  training_seconds_ += seconds_since(start);
  patients_seen_ += sums.patients - seen_before;
  objective_.parameters().download();
  check_together([&] { check_parameters_finite(objective_.parameters(), scalars_.step); });
  return !stop || sums.batches == batches;
}

void Trainer::finish_epoch(const TrainHooks& hooks, EpochRecord& record) {
  const EpochSums sums = state_.current;
  state_.current = {};
  record.epoch = ++state_.epoch;
  record.step = scalars_.step;
  record.learning_rate = static_cast<double>(scalars_.learning_rate);
  if (sums.updates > 0) {
    const double share = 1.0 / static_cast<double>(sums.updates);
    record.train = {.task = sums.loss.task * share,
                    .l2 = sums.l2 * share,
                    .align = sums.loss.align * share,
                    .reconstruction = sums.loss.reconstruction * share};
  }
  if (hooks.validate) {
    record.validated = true;
    {
      const Phase phase(trace_, "validation");
      record.validation = hooks.validate();
    }
    check_together([&] {
      if (!std::isfinite(record.validation.loss))
        throw Error(ExitCode::numeric, "the validation loss is not finite after epoch " + std::to_string(state_.epoch) +
                                           "; lower train.learning_rate or set train.clip_norm");
    });
    record.best = record.validation.loss < state_.best_loss;
  }
  if (record.best) {
    state_.best_loss = record.validation.loss;
    state_.best_epoch = state_.epoch;
    if (stops_early(hooks)) best_values_.copy_from(objective_.parameters().value_buffer());
  }
  if (hooks.epoch_done) hooks.epoch_done(record);
}

// The learning rates of all steps go to the device: a captured step looks its own up.
void Trainer::begin_on_gpu(std::int64_t total_steps, bool resumed) {
  if (resumed) for_each_buffer([](Buffer& buffer) { buffer.upload(); });
  objective_.parameters().refresh_copy();
  std::vector<float> rates;
  for (std::int64_t step = 0; step < total_steps; ++step)
    rates.push_back(static_cast<float>(
        scheduled_learning_rate(options_.schedule, options_.learning_rate, options_.warmup_steps, total_steps, step)));
  gpu_->begin(state_.step, rates);
}

TrainResult Trainer::run(BatchSource& source, const TrainHooks& hooks, const TrainState* from) {
  const auto start = std::chrono::steady_clock::now();
  trace_ = hooks.trace;
  arena_.set_trace(trace_);
  if (gpu_) gpu_->set_trace(trace_);
  if (ranks_) ranks_->set_trace(trace_);
  state_ = from != nullptr ? *from : TrainState{};
  scalars_.step = static_cast<std::uint32_t>(state_.step);
  scalars_.learning_rate = static_cast<float>(state_.learning_rate);
  const std::int64_t steps_per_epoch = (source.batches() + options_.accumulate - 1) / options_.accumulate;
  const std::int64_t total_steps = options_.epochs * steps_per_epoch;
  if (from != nullptr)
    for (std::size_t i = 0; i < whole_moments_.size(); ++i) ranks_->scatter(whole_moments_[i], optimizer_.moment(i));
  whole_moments_.clear();
  if (gpu_) begin_on_gpu(total_steps, from != nullptr);

  TrainResult result;
  while (state_.epoch < options_.epochs && !out_of_patience(hooks) && !result.interrupted) {
    const double seconds_before = training_seconds_;
    const std::int64_t seen_before = patients_seen_;
    if (!run_epoch(source, total_steps, hooks)) {
      result.interrupted = true;
    } else {
      EpochRecord record;
      record.patients_per_s =
          static_cast<double>(patients_seen_ - seen_before) / std::max(1e-9, training_seconds_ - seconds_before);
      finish_epoch(hooks, record);
      const bool stop = (hooks.stop && hooks.stop()) || (gpu_ && gpu_->stop_agreed());
      result.interrupted = state_.epoch < options_.epochs && (ranks_ ? ranks_->any(stop) : stop);
    }
    const bool last = state_.epoch == options_.epochs || out_of_patience(hooks) || result.interrupted;
    if (hooks.checkpoint && (last || state_.epoch % options_.checkpoint_every == 0)) {
      const Phase phase(trace_, "checkpoint");
      for_each_buffer([](Buffer& buffer) { buffer.download(); });
      if (ranks_ && ranks_->zero()) {
        buffers();
        for (std::size_t i = 0; i < whole_moments_.size(); ++i) ranks_->gather(optimizer_.moment(i), whole_moments_[i]);
      }
      hooks.checkpoint(state_);
      whole_moments_.clear();
    }
  }
  ParameterStore& store = objective_.parameters();
  result.stopped_early = out_of_patience(hooks);
  if (!result.interrupted && stops_early(hooks) && state_.best_epoch > 0) {
    store.value_buffer().copy_from(best_values_);
    store.refresh_copy();
    store.download();
  }
  result.epochs = state_.epoch;
  result.best_epoch = stops_early(hooks) ? state_.best_epoch : state_.epoch;
  result.steps = scalars_.step;
  result.seconds = seconds_since(start);
  if (training_seconds_ > 0) result.patients_per_s = static_cast<double>(patients_seen_) / training_seconds_;
  return result;
}

}  // namespace plait
