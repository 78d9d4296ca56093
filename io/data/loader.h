// Batches from a dataset: gathered, imputed and scaled by kernels/gather.h, one batch ahead of the trainer in a thread
// of its own. Which batches come out does not depend on that thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/arena.h"
#include "engine/trace.h"
#include "engine/train/batch.h"
#include "engine/train/resident_cohort.h"
#include "io/data/background_worker.h"
#include "io/data/dataset.h"
#include "kernels/math/permutation.h"

namespace plait {

struct LoaderOptions {
  std::int64_t batch_size = 64;  // of all parts together; taken down to the number of patients
  bool keep_size = false;        // it is not: too few patients are padded
  bool shuffle = true;           // else in the order given
  std::uint64_t seed = 1;        // order: kernels/math/permutation.h, Purpose::shuffle, step = epoch
  // [patients of the dataset] weight of each patient in the loss; empty = 1. A patient without a target always has
  // weight 0 (and target 0).
  std::vector<float> weights = {};
  bool prefetch = true;
  // Batches an optimizer step: weight_sum of each is taken over the whole group, so that their gradients add up to
  // those of one large batch.
  std::int64_t accumulate = 1;
  BatchParts parts = {};  // which rows of every batch are loaded at all
  // The dataset's measurements on the device. Where they are there, batches hold row numbers and no values.
  const ResidentCohort* resident = nullptr;
  Trace* trace = nullptr;  // where filled batches leave their spans
};

// Borrows the dataset. Memory is allocated here and never after, but by pack_on_host().
class Loader final : public BatchSource {
 public:
  Loader(const Dataset& dataset, std::vector<std::int64_t> patients, const LoaderOptions& options);

  std::int64_t patients() const override { return static_cast<std::int64_t>(patients_.size()); }
  std::int64_t batch_size() const override { return batch_size_; }
  std::int64_t batches() const override;
  BatchParts parts() const override { return options_.parts; }
  void start_epoch(std::uint32_t epoch) override;
  const Batch* next() override;  // an exception of the loading thread is thrown here

  // From here on batches hold values: the one that next() has returned last gets them, at its place, and whatever is
  // being filled. Before the resident cohort is released.
  void pack_on_host();

 private:
  struct Slot {
    Batch batch;
    std::int64_t* patients = nullptr;        // [size] those of the batch
    std::vector<std::int64_t*> source_rows;  // [size] of each modality
    std::byte* made = nullptr;               // rows of a modality that has a reader, one modality after the other,
    std::int64_t* made_rows = nullptr;       // [size] and which of them there are
  };
  // Places in the epoch's order.
  struct Range {
    std::int64_t begin = 0, end = 0;
  };
  Slot make_slot();
  void make_values(Slot& slot);
  std::int64_t loads() const { return batches() * options_.parts.own; }  // calls of next() in an epoch
  void fill(std::int64_t load);                                          // the epoch's load, into its slot
  Range range_of(std::int64_t load) const;
  std::int64_t patient_at(std::int64_t place) const;  // in the order of the epoch
  double group_weight_sum(std::int64_t load) const;
  float weight_of(std::int64_t patient) const;
  void fill_patients(Batch& batch, std::span<const std::int64_t> patients) const;
  void fill_rows(Slot& slot, std::size_t modality, std::span<const std::int64_t> patients) const;
  void fill_values(Slot& slot, std::size_t modality) const;
  Slot& slot_of(std::int64_t load) { return slots_[static_cast<std::size_t>(load) % slots_.size()]; }

  const Dataset& dataset_;
  LoaderOptions options_;
  std::vector<std::int64_t> patients_;  // as given
  Permutation order_;                   // of this epoch
  std::int64_t batch_size_ = 0;         // patients of a batch
  std::int64_t size_ = 0;               // rows of a part
  bool gathers_ = false;                // on the device
  std::int64_t next_ = 0;               // the load that next() returns
  Arena memory_;
  std::vector<Slot> slots_;                     // the trainer's and, with prefetch, the one being filled
  std::unique_ptr<BackgroundWorker> prefetch_;  // last: its thread ends before anything it uses
};

// n / (C * n_c) with the class counts of `patients` (binary, multiclass), 1 for everything else: [patients of the
// dataset]. Unlabelled patients, and those of a class that `patients` do not have, get 0.
std::vector<float> balanced_weights(const Dataset& dataset, std::span<const std::int64_t> patients);

}  // namespace plait
