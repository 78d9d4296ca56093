#include "engine/train/gradient_sum.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/error.h"
#include "kernels/add.h"
#include "kernels/round.h"

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
  check(options.tree || !options.bf16, "[ranks] plain sums are fp32");
  const std::size_t flat_bytes = static_cast<std::size_t>(store.flat_count()) * element_bytes();
  if (options.bf16) rounded_ = Buffer(flat_bytes, store.device(), "the bf16 image of the gradients");
  for (std::int64_t parts_of_level = 1; parts_of_level < parts.own; parts_of_level *= 2)
    levels_.emplace_back(flat_bytes, store.device(), "the sum of a batch's parts");
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
    received_ = Buffer(static_cast<std::size_t>(received) * element_bytes(), store.device(), "the ranks' gradients");
  pending_.resize(buckets_.size());
}

std::size_t GradientSum::extra_bytes() const {
  return rounded_.size() + (levels_.empty() ? 0 : levels_.size() * levels_[0].size()) + received_.size();
}

void GradientSum::begin_step() {
  part_ = 0;
  sent_.clear();
  progress_.restart();
}

template <class T>
void GradientSum::add(std::int64_t count, const T* a, const T* b, T* y, cudaStream_t stream) const {
  if (on_gpu())
    gpu::add(count, a, b, y, stream);
  else
    cpu::add(count, a, b, y);
}

template <class T>
void GradientSum::carry_in(std::int64_t begin, std::int64_t count, cudaStream_t stream) {
  T* sum = static_cast<T*>(sums()) + begin;
  const auto level = [&](int k) { return static_cast<T*>(levels_[static_cast<std::size_t>(k)].data()) + begin; };
  const int complete = std::countr_one(static_cast<std::uint64_t>(part_));
  const bool stays = part_ + 1 == options_.parts.own;  // the whole subtree: in the sums themselves
  const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
  if (complete == 0 && !stays) {
    if (on_gpu())
      gpu::copy_on_device(level(0), sum, bytes, stream);
    else
      std::memcpy(level(0), sum, bytes);
  }
  for (int k = 0; k < complete; ++k)
    add(count, level(k), sum, k + 1 == complete && !stays ? level(complete) : sum, stream);
}

void GradientSum::carry(std::int64_t begin, std::int64_t count, cudaStream_t stream) {
  if (!options_.bf16) return carry_in<float>(begin, count, stream);
  bf16* rounded = static_cast<bf16*>(rounded_.data()) + begin;
  if (on_gpu())
    gpu::round(count, gradients() + begin, rounded, stream);
  else
    cpu::round(count, gradients() + begin, rounded);
  carry_in<bf16>(begin, count, stream);
}

void GradientSum::widen(std::int64_t begin, std::int64_t count, cudaStream_t stream) {
  if (!options_.bf16) return;
  const bf16* rounded = static_cast<const bf16*>(rounded_.data()) + begin;
  if (on_gpu())
    gpu::widen(count, rounded, gradients() + begin, stream);
  else
    cpu::widen(count, rounded, gradients() + begin);
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
  if (ranks_.size() == 1) return widen(bucket.begin, bucket.count, stream);
  if (!options_.tree) {
    pending_[number] = ranks_.all_reduce(gradients() + bucket.begin, bucket.count, stream);
    return;
  }
  const std::size_t bytes = element_bytes();
  pending_[number] = ranks_.all_to_all(
      static_cast<const std::byte*>(sums()) + static_cast<std::size_t>(bucket.begin) * bytes, bucket.pieces, bytes,
      static_cast<std::byte*>(received_.data()) + static_cast<std::size_t>(received_at_[number]) * bytes, stream);
}

void GradientSum::finish() {
  check(part_ == options_.parts.own && sent_.size() == buckets_.size(), "[ranks] a step lacks parts or gradients");
  cudaStream_t stream = on_gpu() ? store_.device().begin_exchange() : nullptr;
  if (ranks_.size() > 1) exchange(stream);
  if (on_gpu()) store_.device().end_exchange();
}

template <class T>
void GradientSum::add_received(std::size_t number, cudaStream_t stream) {
  const Piece& own = buckets_[number].pieces[static_cast<std::size_t>(ranks_.rank())];
  const T* received = static_cast<const T*>(received_.data()) + received_at_[number];
  T* sum = static_cast<T*>(sums()) + buckets_[number].begin + own.begin;
  if (on_gpu())
    gpu::add_rows(ranks_.size(), own.count, received, sum, stream);
  else
    cpu::add_rows(ranks_.size(), own.count, received, sum);
}

void GradientSum::exchange(cudaStream_t stream) {
  for (const std::size_t number : sent_) {
    const GradientBucket& bucket = buckets_[number];
    pending_[number].wait();
    if (!options_.tree) continue;
    options_.bf16 ? add_received<bf16>(number, stream) : add_received<float>(number, stream);
    std::byte* sum = static_cast<std::byte*>(sums()) + static_cast<std::size_t>(bucket.begin) * element_bytes();
    if (options_.gather) pending_[number] = ranks_.all_gather(sum, bucket.pieces, element_bytes(), stream);
  }
  for (const std::size_t number : sent_) {
    const GradientBucket& bucket = buckets_[number];
    pending_[number].wait();
    const Piece& own = bucket.pieces[static_cast<std::size_t>(ranks_.rank())];
    if (options_.gather)
      widen(bucket.begin, bucket.count, stream);
    else
      widen(bucket.begin + own.begin, own.count, stream);
  }
}

}  // namespace plait
