// A cohort's measurements in a device's memory: carried over once, after which a batch is no more than the numbers of
// its rows, and a step gathers, imputes, scales and rounds them by itself. What is a patient's and small (target,
// weight, availability) travels with every batch: a few bytes, in the copy that the row numbers need anyway.
//
// The rule: the measurements may take half of the memory that is free when they come, so that the other half is left
// to the steps and to validation. Where they would take more, and on the CPU, batches are packed by the host. A step
// that finds no memory beside them can have it: release(), and batches are packed from there on.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/device.h"
#include "engine/train/gather_source.h"

namespace plait {

class ResidentCohort {
 public:
  // modalities: in the host's memory, read during the call only. reserve: bytes that somebody else is still going to
  // take, counted as not free.
  ResidentCohort(const Device& device, std::span<const GatherSource> modalities, std::size_t reserve = 0);
  ~ResidentCohort();
  ResidentCohort(const ResidentCohort&) = delete;
  ResidentCohort& operator=(const ResidentCohort&) = delete;

  bool there() const { return memory_ != nullptr; }
  // In the device's memory. Stays at its place.
  const GatherSource& modality(std::size_t m) const { return modalities_[m]; }

  // Gives the memory back, once the device has done what it was given. Batches of its rows are worth nothing then.
  void release() noexcept;

  // For the log: "gathered on the device, where the cohort takes 1048576 bytes", or why they are packed.
  std::string summary() const;

 private:
  bool upload(std::span<const GatherSource> host);
  void upload_cells(const GatherSource& from, void* to, std::byte* stage, std::size_t stage_bytes) const;

  Device device_;
  std::vector<GatherSource> modalities_;
  std::byte* memory_ = nullptr;
  std::size_t bytes_ = 0, free_ = 0;
  bool released_ = false;
};

}  // namespace plait
