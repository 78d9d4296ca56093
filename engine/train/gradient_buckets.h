// The flat gradient buffer cut into buckets, each of which is on its way to the other ranks while backward goes on; and
// who owns what: rank r adds up, and with ZeRO-1 updates, pieces[r] of every bucket.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/comm/communicator.h"
#include "engine/parameters.h"

namespace plait {

struct GradientBucket {
  std::int64_t begin = 0, count = 0;  // elements of the flat buffers
  std::vector<Piece> pieces;  // one a rank, from the bucket's begin; whole blocks of a reduction but for the end
};

// bytes: of a bucket's gradients, at least one block of a reduction (kernels/reduce.h). Last parameters first: backward
// reaches them first.
std::vector<GradientBucket> gradient_buckets(std::int64_t flat_count, std::int64_t bytes, int ranks);

// Which buckets are whole: every parameter that touches a bucket has its gradient.
class BucketProgress {
 public:
  BucketProgress(const ParameterStore& store, const std::vector<GradientBucket>& buckets);

  void restart() { open_ = touching_; }
  // Calls whole(bucket index) for every bucket whose last parameter this was.
  template <class F>
  void ready(int parameter, const F& whole) {
    for (std::size_t b = first_[at(parameter)]; b <= last_[at(parameter)]; ++b)
      if (--open_[b] == 0) whole(b);
  }

 private:
  static std::size_t at(int parameter) { return static_cast<std::size_t>(parameter); }

  std::vector<std::size_t> first_, last_;  // [parameters] the buckets it touches
  std::vector<int> touching_, open_;       // [buckets] parameters in all, and without a gradient yet
};

}  // namespace plait
