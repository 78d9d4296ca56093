#include "engine/train/gpu_step.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "engine/error.h"
#include "kernels/reduce.h"
#include "kernels/step_log.h"

namespace plait {
namespace {

// Behind the losses in the tape's array of numbers.
enum Number : std::size_t { l2_number = Tape::loss_slots, norm_number, non_finite_number };

}  // namespace

GpuStep::GpuStep(Objective& objective, Optimizer& optimizer, const TrainOptions& options, RankStep* ranks)
    : objective_(objective),
      optimizer_(optimizer),
      options_(options),
      device_(objective.parameters().device()),
      arena_(device_),
      tape_(arena_),
      batches_(std::in_place, device_),
      scalars_(sizeof(StepScalars), device_, "the numbers of a step"),
      ring_(static_cast<std::size_t>(ring_length) * Tape::step_numbers * sizeof(double), device_, "the steps' losses"),
      logged_(sizeof(std::uint64_t), device_, "the steps' losses"),
      ranks_(ranks),
      times_(device_) {}

void GpuStep::begin(std::int64_t step, const std::vector<float>& learning_rates) {
  rate_count_ = std::ssize(learning_rates);
  learning_rates_ = Buffer(learning_rates.size() * sizeof(float), device_, "the learning rates of all steps");
  std::memcpy(learning_rates_.host(), learning_rates.data(), learning_rates_.size());
  learning_rates_.upload();
  StepScalars scalars{.step = static_cast<std::uint32_t>(step)};
  if (rate_count_ > 0)
    scalars.learning_rate = learning_rates[static_cast<std::size_t>(std::min(step, rate_count_ - 1))];
  std::memcpy(scalars_.host(), &scalars, sizeof scalars);
  scalars_.upload();
  submitted_steps_ = step;
  stop_agreed_ = false;
  for (Kind& kind : kinds_) kind = {};  // their graphs read the old table
}

void GpuStep::run(const Batch& batch, bool first, bool last) {
  tape_.reset();
  auto* scalars = static_cast<StepScalars*>(scalars_.data());
  const StepContext context{.training = true,
                            .seed = options_.seed,
                            .step = &scalars->step,
                            .rows = reinterpret_cast<const std::uint32_t*>(batch.rows.as<std::int32_t>())};
  {
    const Phase phase(trace_, "forward");
    losses_ = objective_.loss(tape_, context, batch);
  }
  {
    const Phase phase(trace_, "backward");
    backward(first, last);
  }
  const Phase phase(trace_, last ? "optimizer" : "log");
  double* numbers = tape_.loss_memory();
  if (last) {
    const ParameterStore& store = objective_.parameters();
    if (optimizer_.l2() != 0.0) optimizer_.enqueue_l2(numbers + l2_number);
    gpu::first_non_finite<float>(store.flat_count(), static_cast<const float*>(store.gradients()),
                                 reinterpret_cast<std::int64_t*>(numbers + non_finite_number), device_.stream());
    update(scalars, numbers + norm_number);
  }
  gpu::log_step({.values = Tape::step_numbers, .length = ring_length}, numbers, static_cast<double*>(ring_.data()),
                static_cast<std::uint64_t*>(logged_.data()), device_.stream());
  if (last)
    gpu::advance_step(rate_count_, static_cast<const float*>(learning_rates_.data()), scalars, device_.stream());
}

void GpuStep::update(StepScalars* scalars, double* norm) {
  const bool sharded = ranks_ != nullptr && ranks_->zero();
  if (sharded && optimizer_.clips())
    ranks_->enqueue_clip(options_.clip_norm, norm, scalars);
  else
    optimizer_.enqueue_clip(scalars, norm);
  optimizer_.enqueue_update(scalars);
  if (sharded) ranks_->gather_values();
}

void GpuStep::backward(bool first, bool last) {
  const bool exchanges = last && ranks_ != nullptr;
  tape_.set_grad_ready({});
  if (exchanges) tape_.set_grad_ready([this](int parameter) { ranks_->gradient_ready(parameter); });
  tape_.backward(!first);
  if (!exchanges) return;
  ranks_->part_enqueued();
  ranks_->finish_sum();
}

const Batch& GpuStep::upload(const Batch& batch) {
  const Phase phase(trace_, "upload");
  return batches_->upload(batch);
}

void GpuStep::submit(const Batch& batch, const StepPlace& place) {
  const bool first = place.first_of_part, last = place.last_of_step;
  if (ranks_ != nullptr && place.first_of_step) ranks_->begin_step();
  if (!batches_->takes(batch)) give_back();  // their graphs read what is not there any more
  times_.begin("upload", submitted_steps_ + 1);
  const Batch& there = upload(batch);
  times_.end();
  if (arena_blocks_ != arena_.block_allocations()) {
    arena_blocks_ = arena_.block_allocations();
    for (Kind& kind : kinds_) kind = {};
  }
  const std::size_t which = static_cast<std::size_t>(batches_->place()) * 4 + (first ? 2u : 0u) + (last ? 1u : 0u);
  Kind& kind = kinds_[which];
  // Once as it comes, so that all memory is there; then it is captured.
  if (kind.graph.empty() && kind.runs > 0) {
    const Phase phase(trace_, "capture");
    tape_.reset();  // memory that an earlier step wanted is merged before, not within
    kind.graph = Graph::capture(device_, [&] { run(there, first, last); });
    kind.losses = losses_;
  }
  times_.begin(last ? "step" : "step without update", submitted_steps_ + 1);
  if (kind.graph.empty()) {
    run(there, first, last);
    kind.losses = losses_;
  } else {
    const Phase phase(trace_, "replay");
    kind.graph.replay(device_);
    if (ranks_ != nullptr && last) ranks_->replayed();
  }
  if (ranks_ != nullptr && place.last_of_part && !last) ranks_->part_enqueued();
  times_.end();
  ++kind.runs;
  Pending pending{.rows = {},
                  .losses = kind.losses,
                  .step = submitted_steps_ + 1,
                  .last_of_part = place.last_of_part,
                  .last = last};
  pending.rows.take(batch);
  pending_.push_back(pending);
  ++submitted_;
  if (last) ++submitted_steps_;
}

void GpuStep::give_back() {
  for (Kind& kind : kinds_) kind = {};
  batches_.emplace(device_);
  arena_.clear();
}

std::vector<BatchNumbers> GpuStep::collect(bool wait, const std::function<bool()>& stop) {
  std::vector<BatchNumbers> all;
  if (pending_.empty() || (!wait && std::ssize(pending_) < ring_length / 2)) return all;
  const Phase phase(trace_, "collect");
  ring_.download();
  times_.resolve();
  const double* base = tape_.loss_memory();
  for (const Pending& pending : pending_) {
    const double* row = static_cast<const double*>(ring_.host()) +
                        (collected_ % static_cast<std::uint64_t>(ring_length)) * Tape::step_numbers;
    BatchNumbers numbers{.loss = pending.losses.evaluate([&](const double* slot) { return row[slot - base]; }),
                         .l2 = pending.last && optimizer_.l2() != 0.0 ? optimizer_.l2() * row[l2_number] : 0.0,
                         .last = pending.last};
    if (ranks_ != nullptr) {
      take(pending, numbers, row);
    } else {
      check_finite(pending, numbers, row);
      all.push_back(numbers);
    }
    ++collected_;
  }
  pending_.clear();
  return ranks_ != nullptr ? settle(stop) : all;
}

// For settle(): nothing is decided before all ranks know it.
void GpuStep::take(const Pending& pending, const BatchNumbers& numbers, const double* row) {
  try {
    check_finite(pending, numbers, row);
  } catch (const Error& error) {
    ranks_->note_failure(error.what());
  }
  part_loss_ += numbers.loss;
  if (pending.last_of_part) part_losses_.push_back(std::exchange(part_loss_, {}));
  if (pending.last) l2_.push_back(numbers.l2);
}

std::vector<BatchNumbers> GpuStep::settle(const std::function<bool()>& stop) {
  const auto parts = l2_.size() * static_cast<std::size_t>(ranks_->parts().own);  // of whole steps
  const bool asks = !ranks_->alone() && stop;
  const RankStep::Outcomes outcomes = ranks_->settle_steps({part_losses_.data(), parts}, asks && stop());
  stop_agreed_ = stop_agreed_ || outcomes.stop;
  std::vector<BatchNumbers> steps;
  for (std::size_t step = 0; step < l2_.size(); ++step)
    steps.push_back({.loss = outcomes.losses[step], .l2 = l2_[step], .last = true});
  part_losses_.erase(part_losses_.begin(), part_losses_.begin() + static_cast<std::ptrdiff_t>(parts));
  l2_.clear();
  return steps;
}

void GpuStep::check_finite(const Pending& pending, const BatchNumbers& numbers, const double* row) const {
  const auto element = pending.last ? std::bit_cast<std::int64_t>(row[non_finite_number]) : std::int64_t{-1};
  if (std::isfinite(numbers.loss.total()) && element < 0) return;
  fail_on_device(objective_.parameters(), numbers.loss, element, pending.rows, pending.step);
}

std::size_t GpuStep::graph_nodes() const {
  std::size_t nodes = 0;
  for (const Kind& kind : kinds_) nodes = std::max(nodes, kind.graph.nodes());
  return nodes;
}

}  // namespace plait
