#include "bench/gpu/rivals.h"

namespace plait::bench {

std::vector<Rival> cudnn_convolutions(const Conv2dParams&, ConvPass, bool, const std::vector<ConvSet>&, cudaStream_t) {
  return {};
}

}  // namespace plait::bench
