#include "engine/train/gradient_buckets.h"

#include <algorithm>

#include "kernels/reduce.h"

namespace plait {

std::vector<GradientBucket> gradient_buckets(std::int64_t flat_count, std::int64_t bytes, int ranks) {
  const std::int64_t block_bytes = reduce_block * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t length = std::max<std::int64_t>(1, bytes / block_bytes) * reduce_block;
  std::vector<GradientBucket> buckets;
  for (std::int64_t number = (flat_count + length - 1) / length; number-- > 0;) {
    GradientBucket& bucket = buckets.emplace_back();
    bucket.begin = number * length;
    bucket.count = std::min(length, flat_count - bucket.begin);
    const std::int64_t blocks = (bucket.count + reduce_block - 1) / reduce_block;
    bucket.pieces.resize(static_cast<std::size_t>(ranks));
    for (int rank = 0; rank < ranks; ++rank) {
      const std::int64_t cut = (rank + number) % ranks;  // where blocks are few, not always the same rank has one
      const std::int64_t begin = std::min(blocks * cut / ranks * reduce_block, bucket.count);
      const std::int64_t end = std::min(blocks * (cut + 1) / ranks * reduce_block, bucket.count);
      bucket.pieces[static_cast<std::size_t>(rank)] = {.begin = begin, .count = end - begin};
    }
  }
  return buckets;
}

BucketProgress::BucketProgress(const ParameterStore& store, const std::vector<GradientBucket>& buckets)
    : touching_(buckets.size(), 0) {
  // Buckets stand in descending order: number 0 ends where the flat buffer does.
  const auto bucket_of = [&](std::int64_t element) {
    const auto found = std::find_if(buckets.begin(), buckets.end(),
                                    [&](const GradientBucket& bucket) { return element >= bucket.begin; });
    return static_cast<std::size_t>(found - buckets.begin());
  };
  for (int i = 0; i < store.size(); ++i) {
    const Parameter& p = store.parameter(i);
    const std::int64_t length = std::max<std::int64_t>(1, p.shape.rows() * p.row_stride);
    first_.push_back(bucket_of(p.offset + length - 1));
    last_.push_back(bucket_of(p.offset));
    for (std::size_t b = first_.back(); b <= last_.back(); ++b) ++touching_[b];
  }
  open_ = touching_;
}

}  // namespace plait
