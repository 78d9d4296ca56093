#include "bench/rivals.h"

namespace plait::bench {

void set_onednn_threads(int) {}

void add_onednn_dense(const std::string&, std::int64_t, std::int64_t, std::int64_t, const Shared&, const Shared&,
                      const Shared&, const Shared&, double, double) {}

void add_onednn_convolution(const std::string&, Pass, const Conv2dParams&, double, double) {}

void add_onednn_pool(const std::string&, Pass, const MaxPoolParams&, double) {}

}  // namespace plait::bench
