// The leakage audit as `plait train` asks for it.
#pragma once

#include <string>

#include "io/data/split.h"

namespace plait {

// A data error where the audit finds something, unless there is a reason: then the findings are notes on standard
// error.
void audit_before_training(const Cohort& cohort, const Split& split, const std::string& allow_leakage);

}  // namespace plait
