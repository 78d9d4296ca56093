#include "study/distribution.h"

#include <string>

#include "engine/error.h"

namespace plait {

void require_distributable(const DistributedSettings& settings, int ranks, bool fast) {
  if (!fast && settings.shards % ranks != 0)
    fail_usage("distributed.shards = " + std::to_string(settings.shards) + ", and " + std::to_string(ranks) +
               " ranks do not divide it: the result would depend on their number. Set distributed.shards to a power of "
               "two that they divide, or give --fast, which promises no such thing");
  if (fast && ranks > 1 && settings.gradient_dtype == "bf16")
    fail_usage(
        "distributed.gradient_dtype = \"bf16\" is for sums along the tree; --fast adds in fp32: leave one of them out");
}

Distribution distribution_of(const DistributedSettings& settings, Communicator* ranks, Communicator* device_ranks,
                             bool fast) {
  const int size = ranks != nullptr ? ranks->size() : 1;
  require_distributable(settings, size, fast);
  return {.parts = parts_of_rank(fast && size > 1 ? size : settings.shards, ranks != nullptr ? ranks->rank() : 0, size),
          .ranks = ranks,
          .device_ranks = device_ranks,
          .tree = !fast || size == 1,
          .zero = settings.zero == 1,
          .bucket_bytes = settings.bucket_mb << 20,
          .bf16_gradients = settings.gradient_dtype == "bf16"};
}

}  // namespace plait
