// results.json: every number that a study's tables, figures and report show. No time, no date, nothing of the machine:
// the same study gives the same bytes, killed in between or not.
#pragma once

#include "study/experiment/performance.h"
#include "study/experiment/run_jobs.h"

namespace plait {

// When all jobs are done. `progress`: a line for the user before each part that takes a while; may be empty.
StudyJson study_results(const StudyPlan& plan, const StudyFolder& folder, const StudyJson& audit,
                        const std::function<void(const std::string&)>& progress = {});

}  // namespace plait
