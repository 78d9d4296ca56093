#include "engine/train/gradient_sum.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/error.h"
#include "kernels/add.h"

namespace plait {

GradientSum::GradientSum(ParameterStore& store, Communicator& ranks, const GradientSumOptions& options)
    : store_(store),
      ranks_(ranks),
      options_(options),
      buckets_(gradient_buckets(store.flat_count(), options.bucket_bytes, ranks.size())),
      progress_(store, buckets_) {
  const BatchParts& parts = options.parts;
  check(store.dtype() == DType::f32, "[ranks] only f32 models are trained in parts");
  check(std::has_single_bit(static_cast<std::uint64_t>(parts.own)), "[ranks] a rank's parts are no power of two");
  check(!options.tree || std::has_single_bit(static_cast<unsigned>(ranks.size())), "[ranks] ranks are no power of two");
  for (std::int64_t parts_of_level = 1; parts_of_level < parts.own; parts_of_level *= 2)
    levels_.emplace_back(store.flat_bytes(), store.device(), "the sum of a batch's parts");
  const auto rank = static_cast<std::size_t>(ranks.rank());
  std::int64_t received = 0;
  for (const GradientBucket& bucket : buckets_) {
    received_at_.push_back(received);
    received += bucket.pieces[rank].count * ranks.size();
    if (bucket.pieces[rank].count > 0)
      own_.push_back({.begin = bucket.begin + bucket.pieces[rank].begin, .count = bucket.pieces[rank].count});
  }
  std::reverse(own_.begin(), own_.end());
  if (ranks.size() > 1 && options.tree)
    received_ = Buffer(static_cast<std::size_t>(received) * sizeof(float), store.device(), "the ranks' gradients");
  pending_.resize(buckets_.size());
}

std::size_t GradientSum::extra_bytes() const {
  return levels_.size() * store_.flat_bytes() + received_.size();
}

void GradientSum::begin_step() {
  part_ = 0;
  sent_.clear();
  progress_.restart();
}

void GradientSum::add(std::int64_t count, const float* a, const float* b, float* y, cudaStream_t stream) const {
  if (on_gpu())
    gpu::add(count, a, b, y, stream);
  else
    cpu::add(count, a, b, y);
}

void GradientSum::carry(std::int64_t begin, std::int64_t count, cudaStream_t stream) {
  float* sum = gradients() + begin;
  const auto level = [&](int k) { return static_cast<float*>(levels_[static_cast<std::size_t>(k)].data()) + begin; };
  const int complete = std::countr_one(static_cast<std::uint64_t>(part_));
  const bool stays = part_ + 1 == options_.parts.own;  // the whole subtree: in the gradient buffer itself
  const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(float);
  if (complete == 0 && !stays) {
    if (on_gpu())
      gpu::copy_on_device(level(0), sum, bytes, stream);
    else
      std::memcpy(level(0), sum, bytes);
  }
  for (int k = 0; k < complete; ++k)
    add(count, level(k), sum, k + 1 == complete && !stays ? level(complete) : sum, stream);
}

void GradientSum::part_done() {
  if (!last_part()) {
    carry(0, store_.flat_count(), store_.device().stream());
  } else {  // parameters that no loss of this objective reaches
    for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket)
      if (std::find(sent_.begin(), sent_.end(), bucket) == sent_.end()) complete(bucket);
  }
  ++part_;
}

void GradientSum::ready(int parameter) {
  progress_.ready(parameter, [this](std::size_t bucket) { complete(bucket); });
}

void GradientSum::complete(std::size_t number) {
  const GradientBucket& bucket = buckets_[number];
  cudaStream_t stream = on_gpu() ? store_.device().begin_exchange() : nullptr;
  carry(bucket.begin, bucket.count, stream);
  sent_.push_back(number);
  if (ranks_.size() == 1) return;
  float* sum = gradients() + bucket.begin;
  pending_[number] = options_.tree
                         ? ranks_.all_to_all(sum, bucket.pieces, sizeof(float),
                                             static_cast<float*>(received_.data()) + received_at_[number], stream)
                         : ranks_.all_reduce(sum, bucket.count, stream);
}

void GradientSum::finish() {
  check(part_ == options_.parts.own && sent_.size() == buckets_.size(), "[ranks] a step lacks parts or gradients");
  cudaStream_t stream = on_gpu() ? store_.device().begin_exchange() : nullptr;
  if (ranks_.size() > 1) exchange(stream);
  if (on_gpu()) store_.device().end_exchange();
}

void GradientSum::exchange(cudaStream_t stream) {
  const auto rank = static_cast<std::size_t>(ranks_.rank());
  for (const std::size_t number : sent_) {
    const GradientBucket& bucket = buckets_[number];
    pending_[number].wait();
    if (!options_.tree) continue;
    const Piece& own = bucket.pieces[rank];
    float* sum = gradients() + bucket.begin;
    const float* received = static_cast<const float*>(received_.data()) + received_at_[number];
    if (on_gpu())
      gpu::add_rows(ranks_.size(), own.count, received, sum + own.begin, stream);
    else
      cpu::add_rows(ranks_.size(), own.count, received, sum + own.begin);
    if (options_.gather) pending_[number] = ranks_.all_gather(sum, bucket.pieces, sizeof(float), stream);
  }
  for (const std::size_t number : sent_) pending_[number].wait();
}

}  // namespace plait
