// How far a model's probabilities can be trusted: calibration, and what it gains by not answering, over all patients
// and by what they have.
#pragma once

#include "study/experiment/performance.h"

namespace plait {

// Fewer patients than this are not spoken of: a cell's numbers could be about somebody.
inline constexpr std::size_t kSmallestCell = 11;

// The error rate up to which patients are answered; the threshold that keeps to it is chosen on validation parts.
inline constexpr double kAcceptedRisk = 0.10;

// Binary and multiclass models; null for others.
// {temperatures: [one a fold, fitted on its validation part; null without one], calibrated: {ece, log_loss, brier},
//  reliability: [{lower, upper, patients, confidence, outcome}], before and after;
//  risk_coverage: {area, points: [{coverage, risk}]}, abstention: {accepted_risk, answered, coverage, risk: {value, lo,
//  hi}}; patterns: [{modalities, patients, metrics, ece, abstention}]}
// Of a pattern of fewer than kSmallestCell patients: {modalities, suppressed: true}; bins likewise.
StudyJson trust_json(const StudyOptions& options, const StudyCohort& cohort, const ModelJobs& jobs);

}  // namespace plait
