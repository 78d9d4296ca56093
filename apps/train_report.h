// What `plait train` prints, and what it writes beside the model.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/command.h"
#include "io/progress.h"
#include "study/training.h"

namespace plait {

// One line of metrics.jsonl. train_loss = task + l2 + align + reconstruction, each with its coefficient.
nlohmann::ordered_json epoch_json(const EpochRecord& record);

// summary.json, with the evaluation of the validation and the test part.
nlohmann::ordered_json summary_json(const TrainCommand& options, const Cohort& cohort, const Split& split,
                                    const Training& training, const std::string& device);

// The validation loss, which early stopping watches, and the first validation metric; at the start of an epoch those of
// the one before: what the progress line shows.
ProgressState epoch_state(const EpochRecord& record, std::int64_t epochs);

// Before the first step: model, device, patients, ranks, notes.
void print_plan(const TrainedModel& trained, const Training& training, const Cohort& cohort, const Split& split,
                const std::string& device, const std::vector<std::string>& notes);

// Where a resumed training goes on (null: it starts anew), and what was passed over for it.
void print_restored(const TrainState* state, const std::vector<std::string>& damaged);

}  // namespace plait
