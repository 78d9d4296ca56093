// Where `predict --out` may write: never over data.
#pragma once

#include <string>

namespace plait {

// Usage errors: a file that exists inside the cohort's or the run's folder, whatever it holds; one that exists
// elsewhere and does not begin with the header of a predictions file. A name that is free is fine anywhere. Links are
// followed.
void check_predictions_target(const std::string& out, const std::string& run, const std::string& cohort);

}  // namespace plait
