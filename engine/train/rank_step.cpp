#include "engine/train/rank_step.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/error.h"

namespace plait {
namespace {

constexpr std::int64_t terms_of_part = 3, flags = 2;  // of a report; stop, failed

// Along the tree over the parts: neighbours first, an odd last one is carried up.
LossTerms tree_of(std::vector<LossTerms> terms) {
  for (std::size_t count = terms.size(); count > 1; count = (count + 1) / 2) {
    for (std::size_t i = 0; i < count / 2; ++i) {
      terms[i] = terms[2 * i];
      terms[i] += terms[2 * i + 1];
    }
    if (count % 2 != 0) terms[count / 2] = terms[count - 1];
  }
  return terms[0];
}

}  // namespace

RankStep::RankStep(ParameterStore& store, const Distribution& distribution)
    : store_(store),
      distribution_(distribution),
      ranks_(distribution.ranks != nullptr ? *distribution.ranks : alone_),
      sum_(store, gradient_ranks(),
           {.parts = distribution.parts,
            .bucket_bytes = distribution.bucket_bytes,
            .tree = distribution.tree,
            .gather = !zero(),
            .bf16 = distribution.bf16_gradients}) {
  if (zero()) norm_.emplace(store, gradient_ranks(), sum_.buckets(), sum_.own());
}

Communicator& RankStep::gradient_ranks() {
  if (!store_.device().is_gpu() || ranks_.size() == 1) return ranks_;
  Communicator* device_ranks = distribution_.device_ranks;
  if (device_ranks == nullptr || device_ranks->size() != ranks_.size())
    throw Error(ExitCode::internal, "[ranks] gradients in a device's memory, and no communicator for it");
  return *device_ranks;
}

void RankStep::begin_step() {
  sum_.begin_step();
  part_losses_.clear();
}

void RankStep::part_done(const LossTerms& loss) {
  part_losses_.push_back(loss);
  sum_.part_done();
}

void RankStep::part_enqueued() {
  sum_.part_done();
}

void RankStep::replayed() {
  if (!alone()) distribution_.device_ranks->replayed(store_.device().stream());
}

void RankStep::note_failure(const std::string& message) {
  if (failure_.empty()) failure_ = message;
}

RankStep::Outcome RankStep::settle(bool stop, const BatchRows& rows, std::int64_t step) {
  sum_.finish();
  if (failure_.empty())
    for (const Piece& piece : sum_.own())
      if (std::string bad = bad_gradient(store_, piece, rows, step); !bad.empty()) {
        note_failure(bad);
        break;
      }
  const Outcomes outcomes = settle_steps(part_losses_, stop);
  return {.loss = outcomes.losses[0], .stop = outcomes.stop};
}

RankStep::Outcomes RankStep::settle_steps(std::span<const LossTerms> own_parts, bool stop) {
  const std::int64_t parts = distribution_.parts.own, steps = std::ssize(own_parts) / parts;
  const std::int64_t length = steps * parts * terms_of_part + flags;
  std::vector<Piece> pieces = one_each(ranks_.size());
  for (Piece& piece : pieces) piece = {.begin = piece.begin * length, .count = length};
  std::vector<double> reports(static_cast<std::size_t>(length * ranks_.size()));
  double* own = reports.data() + pieces[static_cast<std::size_t>(ranks_.rank())].begin;
  for (const LossTerms& loss : own_parts) *own++ = loss.task, *own++ = loss.align, *own++ = loss.reconstruction;
  *own++ = stop ? 1.0 : 0.0;
  const std::string own_failure = std::exchange(failure_, {});
  *own++ = own_failure.empty() ? 0.0 : 1.0;
  ranks_.all_gather(reports.data(), pieces, sizeof(double), nullptr).wait();

  Outcomes outcomes;
  bool failed = false;
  for (const Piece& piece : pieces) {
    const double* end = reports.data() + piece.begin + length;
    outcomes.stop = outcomes.stop || end[-2] != 0.0;
    failed = failed || end[-1] != 0.0;
  }
  if (failed) {
    const Error failure(ExitCode::numeric, own_failure);
    fail_together(ranks_, own_failure.empty() ? nullptr : &failure);
  }
  for (std::int64_t step = 0; step < steps; ++step) {
    std::vector<LossTerms> all;
    for (const Piece& piece : pieces)
      for (std::int64_t part = 0; part < parts; ++part) {
        const double* terms = reports.data() + piece.begin + (step * parts + part) * terms_of_part;
        all.push_back({.task = terms[0], .align = terms[1], .reconstruction = terms[2]});
      }
    outcomes.losses.push_back(tree_of(std::move(all)));
  }
  return outcomes;
}

void RankStep::all_gather_flat(Communicator& ranks, void* flat) {
  std::vector<PendingCollective> pending;
  pending.reserve(sum_.buckets().size());
  for (const GradientBucket& bucket : sum_.buckets())
    pending.push_back(ranks.all_gather(static_cast<float*>(flat) + bucket.begin, bucket.pieces, sizeof(float),
                                       store_.device().stream()));
  for (PendingCollective& one : pending) one.wait();
}

void RankStep::gather_values() {
  all_gather_flat(gradient_ranks(), store_.compute_values());
  store_.refresh_copy();
}

void RankStep::gather(const Buffer& pieces, Buffer& flat) {
  std::int64_t at = 0;
  for (const Piece& piece : sum_.own()) {
    std::memcpy(static_cast<float*>(flat.host()) + piece.begin, static_cast<const float*>(pieces.host()) + at,
                static_cast<std::size_t>(piece.count) * sizeof(float));
    at += piece.count;
  }
  all_gather_flat(ranks_, flat.host());
}

void RankStep::scatter(const Buffer& flat, Buffer& pieces) const {
  std::int64_t at = 0;
  for (const Piece& piece : sum_.own()) {
    std::memcpy(static_cast<float*>(pieces.host()) + at, static_cast<const float*>(flat.host()) + piece.begin,
                static_cast<std::size_t>(piece.count) * sizeof(float));
    at += piece.count;
  }
}

}  // namespace plait
