// What a model's head reads of each patient: the fused embedding, of a unimodal model its encoder's output.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "fusion/model.h"
#include "io/data/dataset.h"

namespace plait {

struct FusedEmbedding {
  std::vector<std::int64_t> patients;  // rows of the cohort: those on whom the model does not abstain
  std::int64_t width = 0;
  std::vector<float> values;  // [patients, width]
};

// On the CPU. Late fusion has no fused embedding: nobody and width 0.
FusedEmbedding fused_embedding(const MultimodalModel& model, const Dataset& dataset,
                               std::span<const std::int64_t> patients);

}  // namespace plait
