#include "engine/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>

#include "engine/error.h"
#include "engine/optim/schedule.h"

namespace plait {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Trainer::Trainer(Objective& objective, const TrainOptions& options)
    : objective_(objective),
      options_(options),
      tape_(arena_),
      optimizer_(objective.parameters(), options),
      best_values_(options.patience > 0 ? objective.parameters().flat_bytes() : 0) {}

std::vector<TrainBuffer> Trainer::buffers() {
  std::vector<TrainBuffer> all{{"parameter", objective_.parameters().values()}};
  for (std::size_t i = 0; i < optimizer_.moment_count(); ++i)
    all.push_back({"moment" + std::to_string(i + 1), optimizer_.moment(i).data()});
  if (!best_values_.empty()) all.push_back({"best", best_values_.data()});
  return all;
}

LossTerms Trainer::accumulate(const Batch& batch, bool first) {
  tape_.reset();
  rows_.take(batch);
  const StepContext context{.training = true,
                            .seed = options_.seed,
                            .step = &scalars_.step,
                            .rows = reinterpret_cast<const std::uint32_t*>(batch.rows.as<std::int32_t>())};
  const LossTerms terms = objective_.loss(tape_, context, batch);
  if (!std::isfinite(terms.total())) fail_loss(tape_, objective_.parameters(), batch, scalars_.step + 1);
  tape_.backward(!first);
  return terms;
}

double Trainer::update(double learning_rate) {
  scalars_.learning_rate = static_cast<float>(learning_rate);
  const double l2 = optimizer_.add_l2();
  check_gradients_finite(objective_.parameters(), rows_, scalars_.step + 1);
  optimizer_.step(scalars_);
  ++scalars_.step;
  return l2;
}

// Goes on with the epoch after state_.epoch, at batch state_.current.batches. False: hooks.stop ended it.
bool Trainer::run_epoch(BatchSource& source, std::int64_t total_steps, const TrainHooks& hooks) {
  const auto start = std::chrono::steady_clock::now();
  source.start_epoch(static_cast<std::uint32_t>(state_.epoch + 1));
  EpochSums& sums = state_.current;
  for (std::int64_t done = 0; done < sums.batches; ++done) source.next();
  const std::int64_t seen_before = sums.patients;
  LossTerms group;
  std::int64_t in_group = 0, group_patients = 0;
  bool stop = false;
  const auto finish_group = [&] {
    const double rate = scheduled_learning_rate(options_.schedule, options_.learning_rate, options_.warmup_steps,
                                                total_steps, scalars_.step);
    sums.l2 += update(rate);
    sums.loss += group;
    sums.batches += in_group;
    sums.patients += group_patients;
    ++sums.updates;
    state_.step = scalars_.step;
    state_.learning_rate = rate;
    group = {};
    in_group = group_patients = 0;
    stop = hooks.stop && hooks.stop();
  };
  while (!stop) {
    const Batch* batch = source.next();
    if (batch == nullptr) break;
    group += accumulate(*batch, in_group == 0);
    group_patients += batch->patients;
    if (++in_group == options_.accumulate) finish_group();
    if (hooks.step_done)
      hooks.step_done(
          {.epoch = state_.epoch + 1,
           .batch = sums.batches + in_group,
           .batches = source.batches(),
           .loss = sums.updates > 0 ? (sums.loss.total() + sums.l2) / static_cast<double>(sums.updates) : group.total(),
           .patients_per_s = static_cast<double>(sums.patients + group_patients - seen_before) / seconds_since(start)});
  }
  if (in_group > 0) finish_group();
  training_seconds_ += seconds_since(start);
  patients_seen_ += sums.patients - seen_before;
  check_parameters_finite(objective_.parameters(), scalars_.step);
  return !stop || sums.batches == source.batches();
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
    record.validation = hooks.validate();
    if (!std::isfinite(record.validation.loss))
      throw Error(ExitCode::numeric, "the validation loss is not finite after epoch " + std::to_string(state_.epoch) +
                                         "; lower train.learning_rate or set train.clip_norm; nothing was written");
    record.best = record.validation.loss < state_.best_loss;
  }
  if (record.best) {
    state_.best_loss = record.validation.loss;
    state_.best_epoch = state_.epoch;
    if (stops_early(hooks)) {
      const ParameterStore& store = objective_.parameters();
      std::memcpy(best_values_.data(), store.values(), store.flat_bytes());
    }
  }
  if (hooks.epoch_done) hooks.epoch_done(record);
}

TrainResult Trainer::run(BatchSource& source, const TrainHooks& hooks, const TrainState* from) {
  const auto start = std::chrono::steady_clock::now();
  state_ = from != nullptr ? *from : TrainState{};
  scalars_.step = static_cast<std::uint32_t>(state_.step);
  scalars_.learning_rate = static_cast<float>(state_.learning_rate);
  const std::int64_t steps_per_epoch = (source.batches() + options_.accumulate - 1) / options_.accumulate;
  const std::int64_t total_steps = options_.epochs * steps_per_epoch;

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
      result.interrupted = state_.epoch < options_.epochs && hooks.stop && hooks.stop();
    }
    const bool last = state_.epoch == options_.epochs || out_of_patience(hooks) || result.interrupted;
    if (hooks.checkpoint && (last || state_.epoch % options_.checkpoint_every == 0)) hooks.checkpoint(state_);
  }
  ParameterStore& store = objective_.parameters();
  result.stopped_early = out_of_patience(hooks);
  if (!result.interrupted && stops_early(hooks) && state_.best_epoch > 0)
    std::memcpy(store.values(), best_values_.data(), store.flat_bytes());
  result.epochs = state_.epoch;
  result.best_epoch = stops_early(hooks) ? state_.best_epoch : state_.epoch;
  result.steps = scalars_.step;
  result.seconds = seconds_since(start);
  if (training_seconds_ > 0) result.patients_per_s = static_cast<double>(patients_seen_) / training_seconds_;
  return result;
}

}  // namespace plait
