#include "engine/train/device_batch.h"

#include <cstring>

#include "engine/error.h"
#include "engine/out_of_memory.h"

namespace plait {
namespace {

constexpr std::size_t alignment = 256;

std::size_t tensor_bytes(const Tensor& t) {
  return static_cast<std::size_t>(t.rows() * t.row_stride) * dtype_size(t.dtype);
}

std::size_t rounded(std::size_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace

template <class Visit>
void DeviceBatches::visit_tensors(Batch& batch, const Visit& visit) {
  for (ModalityBatch& modality : batch.modalities) {
    visit(modality.values);
    if (!modality.observed.empty()) visit(modality.observed);
  }
  for (Tensor* t : {&batch.available, &batch.rows, &batch.targets, &batch.weights})
    if (!t->empty()) visit(*t);
}

DeviceBatches::DeviceBatches(const Device& device) : device_(device) {}

DeviceBatches::~DeviceBatches() {
  for (Place& place : places_) {
    gpu::release(place.device);
    gpu::release_pinned(place.pinned);
    gpu::destroy(place.copied);
  }
}

// Room for every tensor of a batch and its denominator.
void DeviceBatches::lay_out(const Batch& batch) {
  Batch layout = batch;
  bytes_ = sizeof(double);
  visit_tensors(layout, [&](const Tensor& t) { bytes_ = rounded(bytes_) + tensor_bytes(t); });
  const char* what = "one of the two places for a batch";
  for (Place& place : places_) {
    place.device = static_cast<std::byte*>(allocate_on_device(bytes_, what));
    place.pinned = static_cast<std::byte*>(allocate_pinned(bytes_, what));
    place.copied = gpu::create_event();
    place.batch = batch;
    place.batch.device_weight_sum = reinterpret_cast<const double*>(place.device);
    std::size_t offset = sizeof(double);
    visit_tensors(place.batch, [&](Tensor& t) {
      offset = rounded(offset);
      t.data = place.device + offset;
      t.arena_generation = nullptr;
      offset += tensor_bytes(t);
    });
  }
}

const Batch& DeviceBatches::upload(const Batch& batch) {
  if (bytes_ == 0) lay_out(batch);
  place_ = (place_ + 1) % places;
  Place& place = places_[static_cast<std::size_t>(place_)];
  gpu::synchronize(place.copied);
  std::memcpy(place.pinned, &batch.weight_sum, sizeof(double));
  std::size_t offset = sizeof(double);
  Batch source = batch;
  visit_tensors(source, [&](const Tensor& t) {
    offset = rounded(offset);
    std::memcpy(place.pinned + offset, t.data, tensor_bytes(t));
    offset += tensor_bytes(t);
  });
  check(offset == bytes_, "[batch] batches of one source differ in shape");
  gpu::copy_to_device(place.device, place.pinned, bytes_, device_.stream());
  gpu::record(place.copied, device_.stream());
  place.batch.patients = batch.patients;
  place.batch.weight_sum = batch.weight_sum;
  return place.batch;
}

}  // namespace plait
