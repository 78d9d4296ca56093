#include "study/fused_embedding.h"

#include <algorithm>

#include "io/data/loader.h"

namespace plait {

FusedEmbedding fused_embedding(const MultimodalModel& model, const Dataset& dataset,
                               std::span<const std::int64_t> patients) {
  FusedEmbedding embedding;
  std::vector<std::int64_t> answered;
  for (const std::int64_t patient : patients)
    if (!model.abstains(dataset.available(patient))) answered.push_back(patient);
  if (answered.empty()) return embedding;
  Loader loader(dataset, answered, {.batch_size = 256, .keep_size = true, .shuffle = false, .prefetch = false});
  Arena arena;
  Tape tape(arena, false);
  loader.start_epoch(0);
  while (const Batch* batch = loader.next()) {
    tape.reset();
    const ModelForward forward = model.forward(tape, StepContext{}, *batch);
    const Tensor& fused = forward.fused.data;
    if (fused.empty()) return {};
    embedding.width = fused.columns();
    for (std::int64_t i = 0; i < batch->patients; ++i) {
      const float* row = fused.as<float>() + i * fused.row_stride;
      embedding.values.insert(embedding.values.end(), row, row + embedding.width);
    }
  }
  embedding.patients = std::move(answered);
  return embedding;
}

}  // namespace plait
