#include "engine/train/trainer.h"

#include <chrono>
#include <cmath>
#include <cstring>

#include "engine/error.h"
#include "engine/optim/schedule.h"
#include "kernels/reduce.h"

namespace plait {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::string rows_of(const Batch& batch) {
  std::string text;
  const auto* rows = batch.rows.as<std::int32_t>();
  for (std::int64_t i = 0; i < batch.patients && i < 8; ++i) text += (i == 0 ? "" : ", ") + std::to_string(rows[i]);
  return batch.patients > 8 ? text + ", ..." : text;
}

[[noreturn]] void fail_numeric(const std::string& what, std::int64_t step, const Batch& batch) {
  throw Error(ExitCode::numeric,
              what + " at step " + std::to_string(step) + " (patients in rows " + rows_of(batch) +
                  " of the labels, counted from 0); lower train.learning_rate, set train.clip_norm, or look "
                  "for extreme values in these rows; nothing was written");
}

// A first non-finite parameter is named: the loss can still be finite in the step that produced it.
void check_parameters(const ParameterStore& store, std::int64_t step) {
  dispatch_float(store.dtype(), [&]<class T>(T) {
    const std::int64_t bad = cpu::first_non_finite<T>(store.flat_count(), static_cast<const T*>(store.values()));
    if (bad < 0) return;
    const ParameterStore::Place place = store.place(bad);
    const std::string name = place.parameter < 0 ? "padding" : store.parameter(place.parameter).name;
    throw Error(ExitCode::numeric, "parameter " + name + " is not finite after step " + std::to_string(step) +
                                       "; lower train.learning_rate or set train.clip_norm; nothing was written");
  });
}

}  // namespace

Trainer::Trainer(Objective& objective, const TrainOptions& options)
    : objective_(objective), options_(options), tape_(arena_), optimizer_(objective.parameters(), options) {}

LossTerms Trainer::accumulate(const Batch& batch, bool first) {
  tape_.reset();
  const StepContext context{.training = true,
                            .seed = options_.seed,
                            .step = &scalars_.step,
                            .rows = reinterpret_cast<const std::uint32_t*>(batch.rows.as<std::int32_t>())};
  const LossTerms terms = objective_.loss(tape_, context, batch);
  if (!std::isfinite(terms.total())) fail_numeric("the loss is not finite", scalars_.step + 1, batch);
  tape_.backward(!first);
  return terms;
}

double Trainer::update(double learning_rate) {
  scalars_.learning_rate = static_cast<float>(learning_rate);
  const double l2 = optimizer_.add_l2();
  const double norm = optimizer_.step(scalars_);
  ++scalars_.step;
  if (!std::isfinite(norm))
    throw Error(ExitCode::numeric,
                "the gradient is not finite at step " + std::to_string(scalars_.step) +
                    "; lower train.learning_rate, or look for extreme values in the data; nothing was written");
  return l2;
}

LossTerms Trainer::run_epoch(BatchSource& source, std::int64_t epoch, std::int64_t total_steps,
                             const TrainHooks& hooks) {
  const auto start = std::chrono::steady_clock::now();
  source.start_epoch(static_cast<std::uint32_t>(epoch));
  LossTerms sum, group;
  std::int64_t in_group = 0, seen = 0, updates = 0, batches = 0;
  double l2_sum = 0.0;
  const auto finish_group = [&] {
    const double rate = scheduled_learning_rate(options_.schedule, options_.learning_rate, options_.warmup_steps,
                                                total_steps, scalars_.step);
    l2_sum += update(rate);
    sum += group;
    group = {};
    in_group = 0;
    ++updates;
  };
  while (const Batch* batch = source.next()) {
    group += accumulate(*batch, in_group == 0);
    seen += batch->patients;
    if (++in_group == options_.accumulate) finish_group();
    if (hooks.step_done)
      hooks.step_done({.epoch = epoch,
                       .batch = ++batches,
                       .batches = source.batches(),
                       .loss = updates > 0 ? (sum.total() + l2_sum) / static_cast<double>(updates) : group.total(),
                       .patients_per_s = static_cast<double>(seen) / seconds_since(start)});
  }
  if (in_group > 0) finish_group();
  training_seconds_ += seconds_since(start);
  patients_seen_ += seen;
  check_parameters(objective_.parameters(), scalars_.step);
  if (updates == 0) return {};
  const double share = 1.0 / static_cast<double>(updates);
  return {.task = sum.task * share,
          .l2 = l2_sum * share,
          .align = sum.align * share,
          .reconstruction = sum.reconstruction * share};
}

TrainResult Trainer::run(BatchSource& source, const TrainHooks& hooks) {
  const auto start = std::chrono::steady_clock::now();
  ParameterStore& store = objective_.parameters();
  const std::int64_t steps_per_epoch = (source.batches() + options_.accumulate - 1) / options_.accumulate;
  const std::int64_t total_steps = options_.epochs * steps_per_epoch;
  const bool stops_early = options_.patience > 0 && hooks.validate != nullptr;

  TrainResult result;
  std::vector<std::byte> best_values(stops_early ? store.flat_bytes() : 0);
  double best_loss = INFINITY;
  for (std::int64_t epoch = 1; epoch <= options_.epochs; ++epoch) {
    const double seconds_before = training_seconds_;
    const std::int64_t seen_before = patients_seen_;
    EpochRecord record;
    record.epoch = epoch;
    record.train = run_epoch(source, epoch, total_steps, hooks);
    record.step = scalars_.step;
    record.learning_rate = static_cast<double>(scalars_.learning_rate);
    record.patients_per_s = static_cast<double>(patients_seen_ - seen_before) / (training_seconds_ - seconds_before);
    if (hooks.validate) {
      record.validated = true;
      record.validation = hooks.validate();
      if (!std::isfinite(record.validation.loss))
        throw Error(ExitCode::numeric, "the validation loss is not finite after epoch " + std::to_string(epoch) +
                                           "; lower train.learning_rate or set train.clip_norm; nothing was written");
      record.best = record.validation.loss < best_loss;
    }
    if (record.best) {
      best_loss = record.validation.loss;
      result.best_epoch = epoch;
      if (stops_early) std::memcpy(best_values.data(), store.values(), store.flat_bytes());
    }
    result.epochs = epoch;
    if (hooks.epoch_done) hooks.epoch_done(record);
    if (stops_early && epoch - result.best_epoch >= options_.patience) {
      result.stopped_early = true;
      break;
    }
  }
  if (stops_early && result.best_epoch > 0) std::memcpy(store.values(), best_values.data(), store.flat_bytes());
  if (!stops_early) result.best_epoch = result.epochs;
  result.steps = scalars_.step;
  result.seconds = seconds_since(start);
  if (training_seconds_ > 0) result.patients_per_s = static_cast<double>(patients_seen_) / training_seconds_;
  return result;
}

}  // namespace plait
