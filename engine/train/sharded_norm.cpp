#include "engine/train/sharded_norm.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "kernels/reduce.h"

namespace plait {
namespace {

std::int64_t blocks_of(std::int64_t count) {
  return (count + reduce_block - 1) / reduce_block;
}

}  // namespace

ShardedNorm::ShardedNorm(const ParameterStore& store, Communicator& ranks, const std::vector<GradientBucket>& buckets,
                         std::vector<Piece> own)
    : store_(store), ranks_(ranks), own_(std::move(own)) {
  std::vector<std::int64_t> order;
  for (std::size_t rank = 0; rank < static_cast<std::size_t>(ranks.size()); ++rank) {
    const std::int64_t first = std::ssize(order);
    for (auto bucket = buckets.rbegin(); bucket != buckets.rend(); ++bucket) {  // ascending, as own
      const Piece& piece = bucket->pieces[rank];
      for (std::int64_t b = 0; b < blocks_of(piece.count); ++b)
        order.push_back((bucket->begin + piece.begin) / reduce_block + b);
    }
    rank_blocks_.push_back({.begin = first, .count = std::ssize(order) - first});
  }
  const char* what = "the sums of the gradient's blocks";
  sums_ = Buffer(order.size() * sizeof(double), store.device(), what);
  ordered_ = Buffer(order.size() * sizeof(double), store.device(), what);
  order_ = Buffer(order.size() * sizeof(std::int64_t), store.device(), what);
  std::memcpy(order_.host(), order.data(), order_.size());
  order_.upload();
}

double* ShardedNorm::own_sums() const {
  return static_cast<double*>(sums_.data()) + rank_blocks_[static_cast<std::size_t>(ranks_.rank())].begin;
}

template <class SumBlocks>
void ShardedNorm::sum_own_blocks(const SumBlocks& sum_blocks) const {
  double* sums = own_sums();
  for (const Piece& piece : own_) {
    sum_blocks(piece.count, static_cast<const float*>(store_.gradients()) + piece.begin, sums);
    sums += blocks_of(piece.count);
  }
}

double ShardedNorm::norm() {
  sum_own_blocks([](std::int64_t count, const float* x, double* sums) { cpu::block_sums_of_squares(count, x, sums); });
  ranks_.all_gather(sums_.data(), rank_blocks_, sizeof(double), nullptr).wait();
  const auto blocks = static_cast<std::int64_t>(sums_.size() / sizeof(double));
  const auto* sums = static_cast<const double*>(sums_.data());
  const auto* order = static_cast<const std::int64_t*>(order_.data());
  auto* ordered = static_cast<double*>(ordered_.data());
  for (std::int64_t i = 0; i < blocks; ++i) ordered[order[i]] = sums[i];
  return std::sqrt(cpu::sum_of_blocks(blocks, ordered));
}

void ShardedNorm::enqueue_clip(double clip, double* norm, StepScalars* scalars) {
  cudaStream_t stream = store_.device().stream();
  sum_own_blocks([stream](std::int64_t count, const float* x, double* sums) {
    gpu::block_sums_of_squares(count, x, sums, stream);
  });
  ranks_.all_gather(sums_.data(), rank_blocks_, sizeof(double), stream).wait();
  gpu::clip_norm_of_blocks(static_cast<std::int64_t>(sums_.size() / sizeof(double)),
                           static_cast<const double*>(sums_.data()), static_cast<const std::int64_t*>(order_.data()),
                           clip, norm, scalars, ordered_.data(), stream);
}

}  // namespace plait
