// A batch's way to the device: the host's tensors are packed into page-locked memory and carried over in one copy, into
// memory that stays where it is, so that a captured step can read it. Two places: one is filled while the other is
// read.
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

  // The batch in the device's memory, in the next place; the copy is enqueued on the device's stream. Every batch has
  // the shapes of the first one. Valid until the same place comes up again.
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
  template <class Visit>
  static void visit_tensors(Batch& batch, const Visit& visit);

  Device device_;
  std::array<Place, places> places_;
  std::size_t bytes_ = 0;
  int place_ = places - 1;
};

}  // namespace plait
