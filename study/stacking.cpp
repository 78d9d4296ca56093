#include "study/stacking.h"

#include "fusion/stacking.h"
#include "io/data/loader.h"

namespace plait {
namespace {

void take_patient(const ModelForward& forward, const Batch& batch, std::int64_t row, StackingData& data) {
  data.present.push_back(batch.available.as<ModalityMask>()[row]);
  for (std::size_t t = 0; t < data.towers; ++t) {
    const Tensor& logits = forward.towers[t].logits.data;
    const float* from = logits.as<float>() + row * logits.row_stride;
    data.logits.insert(data.logits.end(), from, from + data.outputs);
  }
  if (data.task == TaskKind::multiclass) {
    data.targets.push_back(batch.targets.as<std::int32_t>()[row]);
    return;
  }
  const float* targets = batch.targets.as<float>() + row * static_cast<std::int64_t>(data.outputs);
  data.targets.insert(data.targets.end(), targets, targets + data.outputs);
}

}  // namespace

void stack_towers(MultimodalModel& model, const Dataset& dataset, std::span<const std::int64_t> validation) {
  StackingData data{.task = model.task(),
                    .towers = model.config().inputs.size(),
                    .outputs = static_cast<std::size_t>(model.outputs()),
                    .logits = {},
                    .present = {},
                    .targets = {}};
  Loader loader(dataset, {validation.begin(), validation.end()},
                {.batch_size = 256, .shuffle = false, .prefetch = false});
  Arena arena;
  Tape tape(arena, false);
  loader.start_epoch(0);
  while (const Batch* batch = loader.next()) {
    tape.reset();
    const ModelForward forward = model.forward(tape, StepContext{}, *batch);
    for (std::int64_t i = 0; i < batch->patients; ++i) take_patient(forward, *batch, i, data);
  }
  const StackingFit fit = fit_stacking(data);
  ParameterStore& store = model.parameters();
  float* v = store.value(store.find("fusion.stacking.weight")).as<float>();
  for (std::size_t t = 0; t < data.towers; ++t) v[t] = static_cast<float>(fit.v[t]);
  store.value(store.find("fusion.stacking.log_scale")).as<float>()[0] = static_cast<float>(fit.log_scale);
}

}  // namespace plait
