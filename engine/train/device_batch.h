// A batch's way to the device: the host's tensors are packed into page-locked memory and carried over in one copy, into
// memory that stays where it is, so that a captured step can read it. Of a modality that is gathered on the device
// (engine/train/resident_cohort.h) only the row numbers go, those of patients without it as -1. Two places: one is
// filled while the other is read.
#pragma once

#include <array>

#include "engine/device.h"
#include "engine/train/batch.h"

namespace plait {

class DeviceBatches {
 public:
  static constexpr int places = 2;

  explicit DeviceBatches(const Device& device);
  ~DeviceBatches();
  DeviceBatches(const DeviceBatches&) = delete;
  DeviceBatches& operator=(const DeviceBatches&) = delete;

  // Whether upload() can take it: every batch has the shapes of the first one and is gathered where that was.
  bool takes(const Batch& batch) const;
  // The batch in the device's memory, in the next place; the copy is enqueued on the device's stream. Valid until the
  // same place comes up again.
  const Batch& upload(const Batch& batch);
  // Which place the last upload took.
  int place() const { return place_; }

 private:
  struct Place {
    Batch batch;  // its tensors lie in `device`
    std::byte* pinned = nullptr;
    std::byte* device = nullptr;
    cudaEvent_t copied = nullptr;  // page-locked memory may be written again
  };
  void lay_out(const Batch& batch);
  // tensor(Tensor&) for all that is carried over as it is, rows(ModalityBatch&, int modality) for row numbers.
  template <class VisitTensor, class VisitRows>
  static void visit(Batch& batch, const VisitTensor& tensor, const VisitRows& rows);

  Device device_;
  std::array<Place, places> places_;
  std::size_t bytes_ = 0;
  int place_ = places - 1;
};

}  // namespace plait
