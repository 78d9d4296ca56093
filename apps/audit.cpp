#include "apps/audit.h"

#include <fmt/format.h>

#include "apps/printable.h"
#include "study/audit/leakage.h"

namespace plait {

void audit_before_training(const Cohort& cohort, const Split& split, const std::string& allow_leakage) {
  const std::vector<LeakageFinding> findings =
      audit_leakage(cohort, {{"train", split.train}, {"validation", split.validation}, {"test", split.test}});
  require_no_leakage(cohort, findings, allow_leakage);
  for (const LeakageFinding& finding : findings) fmt::print(stderr, "allowed: {}\n", printable(finding.what));
}

}  // namespace plait
