#include "engine/comm/device_of_rank.h"

#include <algorithm>
#include <string>
#include <vector>

#include "engine/comm/agreement.h"
#include "engine/error.h"

namespace plait {

int device_of_rank(int local_rank, int devices) {
  if (devices == 1) return 0;
  if (local_rank >= devices)
    fail_device("its machine has " + std::to_string(devices) + " GPUs, and it is rank number " +
                std::to_string(local_rank + 1) +
                " there; start at most as many ranks on a machine as it has GPUs, or use --device cpu");
  return local_rank;
}

void require_own_device(Communicator& ranks, const std::array<unsigned char, 16>& uuid) {
  std::vector<std::array<unsigned char, 16>> all(static_cast<std::size_t>(ranks.size()));
  all[static_cast<std::size_t>(ranks.rank())] = uuid;
  ranks.all_gather(all.data(), one_each(ranks.size()), sizeof uuid, nullptr).wait();
  for (auto one = all.begin(); one != all.end(); ++one) {
    const auto before = std::find(all.begin(), one, *one);
    if (before == one || *one == std::array<unsigned char, 16>{}) continue;
    throw AgreedError(ExitCode::device, "rank " + std::to_string(one - all.begin()) + " has no GPU of its own: rank " +
                                            std::to_string(before - all.begin()) +
                                            " computes on the same one; start at most as many ranks on a machine as "
                                            "it has GPUs, or use --device cpu");
  }
}

}  // namespace plait
