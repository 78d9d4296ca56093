// Batches from a dataset: gathered, imputed and scaled by kernels/gather.h, one batch ahead of the trainer in a thread
// of its own. Which batches come out does not depend on that thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/train/batch.h"
#include "io/data/dataset.h"

namespace plait {

struct LoaderOptions {
  std::int64_t batch_size = 64;  // taken down to the number of patients
  bool shuffle = true;           // else in the order given
  std::uint64_t seed = 1;        // order: Fisher-Yates, Purpose::shuffle, step = epoch
  // [patients of the dataset] weight of each patient in the loss; empty = 1. A patient without a target always has
  // weight 0 (and target 0).
  std::vector<float> weights = {};
  bool prefetch = true;
};

// Borrows the dataset. Memory is allocated here and never after.
class Loader final : public BatchSource {
 public:
  Loader(const Dataset& dataset, std::vector<std::int64_t> patients, const LoaderOptions& options);
  ~Loader() override;

  std::int64_t patients() const override;
  std::int64_t batch_size() const override;
  std::int64_t batches() const override;
  void start_epoch(std::uint32_t epoch) override;
  const Batch* next() override;  // an exception of the loading thread is thrown here

 private:
  class Prefetch;
  struct Slot;
  void fill(Slot& slot, std::int64_t batch) const;

  const Dataset& dataset_;
  LoaderOptions options_;
  std::int64_t size_ = 0;                     // rows of a batch
  std::vector<std::int64_t> patients_;        // as given
  std::vector<std::int64_t> order_;           // of this epoch
  std::int64_t next_ = 0;                     // batch that next() returns
  std::vector<std::unique_ptr<Slot>> slots_;  // the trainer's, and the one that is being filled
  std::unique_ptr<Prefetch> prefetch_;
};

// n / (C * n_c) for the classes of `patients` (multiclass and binary), 1 for everything else: [patients of the
// dataset]. Patients outside the list, and unlabelled ones, get 0.
std::vector<float> balanced_weights(const Dataset& dataset, std::span<const std::int64_t> patients);

}  // namespace plait
