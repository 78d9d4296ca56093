// Each claim of the paper beside what was measured: holds, does not hold, or cannot be told here, decided by intervals.
#pragma once

#include "study/experiment/performance.h"

namespace plait {

// From results.json's cohorts: a list of {id, claim, verdict, evidence: [{cohort, statement, value, lo, hi, threshold,
// verdict}]}. A statement "value > threshold" holds where lo > threshold and does not hold where hi < threshold; else,
// and without an interval, it cannot be told. A claim holds where all its evidence does, does not hold where any piece
// of it does not, and cannot be told otherwise, without evidence too. Verdicts: "holds", "does not hold", "cannot be
// told here".
StudyJson claims_json(const StudyJson& cohorts);

}  // namespace plait
