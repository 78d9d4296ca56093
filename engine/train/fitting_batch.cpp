#include "engine/train/fitting_batch.h"

#include <algorithm>
#include <new>
#include <optional>

#include "engine/out_of_memory.h"
#include "engine/train/device_batch.h"

namespace plait {
namespace {

void try_step(Objective& objective, const Batch& batch, std::uint64_t seed, const std::function<void()>& beside) {
  const Device& device = objective.parameters().device();
  std::optional<DeviceBatches> batches;
  if (device.is_gpu()) batches.emplace(device);
  const Batch& there = batches ? batches->upload(batch) : batch;
  const Buffer step(sizeof(std::uint32_t), device);
  Arena arena(device);
  Tape tape(arena);
  const StepContext context{.training = true,
                            .seed = seed,
                            .step = static_cast<const std::uint32_t*>(step.data()),
                            .rows = reinterpret_cast<const std::uint32_t*>(there.rows.as<std::int32_t>())};
  objective.loss(tape, context, there);
  tape.backward();
  device.synchronize();
  tape.reset();  // the step keeps what it needs in one block
  if (beside) beside();
}

bool fits(Objective& objective, const Batch& batch, std::int64_t patients, std::uint64_t seed,
          const std::function<void()>& beside) {
  try {
    try_step(objective, first_patients(batch, patients), seed, beside);
    return true;
  } catch (const OutOfMemory&) {
    return false;
  } catch (const std::bad_alloc&) {
    return false;
  } catch (const gpu::Failure& failure) {
    if (failure.kind() != gpu::Failure::Kind::out_of_memory) throw;
    return false;
  }
}

Tensor first_rows(Tensor t, std::int64_t rows) {
  const Shape& s = t.shape;
  switch (s.rank()) {
    case 0:  // there is none
      return t;
    case 1:
      t.shape = {rows};
      break;
    case 2:
      t.shape = {rows, s[1]};
      break;
    case 3:
      t.shape = {rows, s[1], s[2]};
      break;
    default:
      t.shape = {rows, s[1], s[2], s[3]};
  }
  return t;
}

}  // namespace

Batch first_patients(const Batch& batch, std::int64_t patients) {
  Batch part = batch;
  part.size = patients;
  part.patients = std::min(patients, batch.patients);
  for (ModalityBatch& modality : part.modalities)
    modality.values = first_rows(modality.values, patients),
    modality.observed = first_rows(modality.observed, patients);
  for (Tensor* t : {&part.available, &part.rows, &part.targets, &part.weights}) *t = first_rows(*t, patients);
  return part;
}

std::int64_t fitting_batch_size(Objective& objective, const Batch& batch, std::uint64_t seed,
                                const std::function<void()>& beside) {
  std::int64_t too_many = batch.size, fitting = too_many / 2;
  while (fitting > 0 && !fits(objective, batch, fitting, seed, beside)) {
    too_many = fitting;
    fitting /= 2;
  }
  for (int i = 0; i < 3 && fitting > 0 && too_many - fitting > 1; ++i) {
    const std::int64_t middle = fitting + (too_many - fitting) / 2;
    (fits(objective, batch, middle, seed, beside) ? fitting : too_many) = middle;
  }
  return fitting;
}

}  // namespace plait
