// The gradient of a batch from those of its parts, on all ranks, with the same bits whatever their number.
//
// The sum runs along one binary tree over the part numbers: ((g0 + g1) + (g2 + g3)) + ... A rank's own parts are a
// subtree, which it adds up as a binary counter does: part after part, one buffer a level. Across ranks a bucket's
// pieces go to their owners, which add the ranks' sums along the tree's upper levels and, unless the optimizer's state
// is sharded too, send the result to everybody: 2 (R - 1) / R of the buffer's bytes a rank, as a ring's all-reduce.
// With bf16 every sum of that tree, parts included, is computed in float and kept in bf16: half the bytes, and still
// the same bits, for a rank sends nothing that the tree would not have rounded anyway.
// A bucket leaves as soon as the last own part's backward has completed it. On a GPU all of it is enqueued, on the
// device's stream for exchanges, and may be captured with the pass.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/comm/communicator.h"
#include "engine/device.h"
#include "engine/parameters.h"
#include "engine/train/batch_parts.h"
#include "engine/train/gradient_buckets.h"
#include "kernels/math/bf16.h"

namespace plait {

struct GradientSumOptions {
  BatchParts parts;
  std::int64_t bucket_bytes = std::int64_t{4} << 20;
  bool tree = true;    // false: the ranks' sums are added in whatever order the communicator likes
  bool gather = true;  // false: everybody gets the sums of the own pieces alone
  bool bf16 = false;   // only along the tree
};

class GradientSum {
 public:
  // Borrows both. Gradients are float.
  GradientSum(ParameterStore& store, Communicator& ranks, const GradientSumOptions& options);

  void begin_step();
  // Whether the backward pass that comes now is the last one of the step, and ready() is to be told of its progress.
  bool last_part() const { return part_ + 1 == options_.parts.own; }
  void ready(int parameter);
  // The gradient buffer holds the gradient of an own part, the next in order. After the last one whatever ready() was
  // not told of leaves too.
  void part_done();
  // Waits for the other ranks; the gradient buffer then holds the sum. On a GPU the device's stream waits instead.
  void finish();

  // What this rank owns of the flat buffers, in ascending order.
  const std::vector<Piece>& own() const { return own_; }
  const std::vector<GradientBucket>& buckets() const { return buckets_; }
  // Of the buffers that it holds.
  std::size_t extra_bytes() const;

 private:
  float* gradients() const { return static_cast<float*>(store_.gradients()); }
  bool on_gpu() const { return store_.device().is_gpu(); }
  std::size_t element_bytes() const { return options_.bf16 ? sizeof(bf16) : sizeof(float); }
  // What is summed: the gradients, or with bf16 their rounded image.
  void* sums() const { return options_.bf16 ? rounded_.data() : store_.gradients(); }
  // Adds the counter's levels that the own part `part_` completes to the gradients of a range.
  void carry(std::int64_t begin, std::int64_t count, cudaStream_t stream);
  template <class T>
  void carry_in(std::int64_t begin, std::int64_t count, cudaStream_t stream);
  template <class T>
  void add(std::int64_t count, const T* a, const T* b, T* y, cudaStream_t stream) const;
  // From the sums of all ranks in `received` to that of an own piece.
  template <class T>
  void add_received(std::size_t bucket, cudaStream_t stream);
  // With bf16: of a range, to the gradients.
  void widen(std::int64_t begin, std::int64_t count, cudaStream_t stream);
  void complete(std::size_t bucket);
  // Adds up the own pieces and sends them to everybody.
  void exchange(cudaStream_t stream);

  ParameterStore& store_;
  Communicator& ranks_;
  GradientSumOptions options_;
  std::vector<GradientBucket> buckets_;
  BucketProgress progress_;
  std::vector<Piece> own_;
  Buffer rounded_;                 // with bf16: the gradient, or its sums so far
  std::vector<Buffer> levels_;     // [k] the sum of 2^k parts
  Buffer received_;                // of every bucket the own piece of each rank
  std::vector<std::size_t> sent_;  // buckets, in order
  std::vector<std::int64_t> received_at_;
  std::vector<PendingCollective> pending_;
  std::int64_t part_ = 0;  // own parts done
};

}  // namespace plait
