// Losses on the tape: value and gradient come from one pass, the gradient goes straight into the seed of its input.
// But for Cox's partial likelihood every value is sum_i weight_i loss_i / denominator over the batch; `coefficient`
// multiplies the gradient only. Absent modalities and patients of weight 0 are selected out.
#pragma once

#include <span>

#include "engine/tape.h"
#include "engine/train/batch.h"

namespace plait::ops {

// logits[batch, L]: binary (L = 1) and multi-label heads.
LossSum binary_cross_entropy(Tape& tape, const Value& logits, const Batch& batch, double coefficient = 1.0);

// logits[batch, C], targets i32 [batch].
LossSum softmax_cross_entropy(Tape& tape, const Value& logits, const Batch& batch, double coefficient = 1.0);

// predictions[batch, K].
LossSum squared_error(Tape& tape, const Value& predictions, const Batch& batch, double coefficient = 1.0);

// risks[batch, 1], targets[batch, 2] time and event; patients in descending order of time. The mean is over the batch's
// own events (kernels/cox_partial_likelihood.h), whatever its denominator: a partial likelihood has no parts.
LossSum cox_partial_likelihood(Tape& tape, const Value& risks, const Batch& batch, double coefficient = 1.0);

// z: M embeddings [batch, d], before modality dropout; uses the batch's true availability.
LossSum alignment(Tape& tape, std::span<const Value> z, const Tensor& available, const Batch& batch, bool mean_form,
                  double coefficient);

// x_hat[batch, genes] against the uncorrupted x of one modality.
LossSum reconstruction(Tape& tape, const Value& x_hat, const Tensor& x, const Tensor& observed, const Batch& batch,
                       int modality, double coefficient);

}  // namespace plait::ops
