// What the configuration can say and this version does not run yet. A version that does deletes a line.
#include "engine/error.h"
#include "study/config.h"

namespace plait {

void require_supported(const RunConfig& config) {
  const struct {
    bool asked;
    const char* what;
  } missing[] = {
      {config.distributed.gradient_dtype == "bf16", "distributed.gradient_dtype = \"bf16\""},
  };
  for (const auto& [asked, what] : missing)
    if (asked) fail_usage(std::string(what) + " is not available in this version of plait yet.");
}

}  // namespace plait
