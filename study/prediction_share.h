// Predictions that several ranks compute together: whole batches are shared out, so that every patient is computed in
// the same batch by whatever rank, and then everybody gets everything.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/comm/communicator.h"
#include "study/prediction.h"

namespace plait {

struct PredictionShare {
  std::int64_t batch_size = 0;        // rows of every batch, on all ranks
  std::int64_t first = 0, count = 0;  // this rank's patients among all
};

// ranks: null for one alone.
PredictionShare prediction_share(std::int64_t patients, std::int64_t batch_size, const Communicator* ranks);

// What a batch adds to the loss.
struct BatchLoss {
  double loss = 0.0, weight = 0.0;
};

// From this rank's share in values, weights, available, abstains and `losses` to those of all patients and batches.
void gather_shares(Communicator& ranks, std::int64_t batch_size, PatientPredictions& predictions,
                   std::vector<BatchLoss>& losses);

}  // namespace plait
