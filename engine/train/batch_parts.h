// A global batch is computed as a fixed number of parts of one shape, whoever computes them: that is what makes the sum
// of their gradients, and so the model, the same on any number of ranks (engine/train/gradient_sum.h).
#pragma once

#include <bit>
#include <cstdint>

#include "engine/error.h"

namespace plait {

// Part p of a batch of B patients in `count` parts holds the rows from p * ceil(B / count) on; the last ones may be
// short or empty, which padding makes up for.
struct BatchParts {
  std::int64_t count = 1;           // a power of two, or one a rank
  std::int64_t first = 0, own = 1;  // those of this rank

  std::int64_t rows(std::int64_t batch) const { return (batch + count - 1) / count; }
};

// The same number for every rank, in the order of the ranks: each then holds a subtree of the binary tree over the
// parts.
inline BatchParts parts_of_rank(std::int64_t count, int rank, int ranks) {
  check(ranks > 0 && rank >= 0 && rank < ranks && count % ranks == 0, "[parts] the ranks have to divide the parts");
  return {.count = count, .first = count / ranks * rank, .own = count / ranks};
}

}  // namespace plait
