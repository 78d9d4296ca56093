// The task loss of predicted risks: a partial likelihood is of all patients of a part together, so it is taken behind
// the batches of inference.
#pragma once

#include "io/data/dataset.h"
#include "study/prediction.h"

namespace plait {

// kernels/cox_partial_likelihood.h over the labelled patients on whom the model does not abstain, each of weight 1, in
// double. 0 where they have no event.
double cox_loss(const PatientPredictions& predictions, const Dataset& dataset);

}  // namespace plait
