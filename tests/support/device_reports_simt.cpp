#include "kernels/simt/options.h"
#include "tests/support/device_test.h"

namespace plait::testing {

std::vector<std::string> take_device_reports() {
  return simt::take_reports();
}

}  // namespace plait::testing
