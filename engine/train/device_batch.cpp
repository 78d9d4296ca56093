#include "engine/train/device_batch.h"

#include <algorithm>
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

std::size_t rows_bytes(const Batch& batch) {
  return static_cast<std::size_t>(batch.size) * sizeof(std::int64_t);
}

// A patient may have a row of what the batch does not show.
void pack_rows(const Batch& batch, const ModalityBatch& modality, int bit, std::int64_t* to) {
  const ModalityMask* available = batch.available.as<ModalityMask>();
  for (std::int64_t i = 0; i < batch.size; ++i) to[i] = has_modality(available[i], bit) ? modality.source_rows[i] : -1;
}

}  // namespace

template <class VisitTensor, class VisitRows>
void DeviceBatches::visit(Batch& batch, const VisitTensor& tensor, const VisitRows& rows) {
  for (std::size_t m = 0; m < batch.modalities.size(); ++m) {
    ModalityBatch& modality = batch.modalities[m];
    if (modality.is_gathered()) {
      rows(modality, static_cast<int>(m));
      continue;
    }
    tensor(modality.values);
    if (!modality.observed.empty()) tensor(modality.observed);
  }
  for (Tensor* t : {&batch.available, &batch.rows, &batch.targets, &batch.weights})
    if (!t->empty()) tensor(*t);
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
  visit(
      layout, [&](const Tensor& t) { bytes_ = rounded(bytes_) + tensor_bytes(t); },
      [&](const ModalityBatch&, int) { bytes_ = rounded(bytes_) + rows_bytes(batch); });
  const char* what = "one of the two places for a batch";
  for (Place& place : places_) {
    place.device = static_cast<std::byte*>(allocate_on_device(bytes_, what));
    place.pinned = static_cast<std::byte*>(allocate_pinned(bytes_, what));
    place.copied = gpu::create_event();
    place.batch = batch;
    place.batch.device_weight_sum = reinterpret_cast<const double*>(place.device);
    std::size_t offset = sizeof(double);
    visit(
        place.batch,
        [&](Tensor& t) {
          offset = rounded(offset);
          t.data = place.device + offset;
          t.arena_generation = nullptr;
          offset += tensor_bytes(t);
        },
        [&](ModalityBatch& modality, int) {
          offset = rounded(offset);
          modality.source_rows = reinterpret_cast<const std::int64_t*>(place.device + offset);
          offset += rows_bytes(batch);
        });
  }
}

bool DeviceBatches::takes(const Batch& batch) const {
  if (bytes_ == 0) return true;
  const Batch& first = places_[0].batch;
  const auto same = [](const ModalityBatch& a, const ModalityBatch& b) { return a.source == b.source; };
  return batch.size == first.size && std::equal(batch.modalities.begin(), batch.modalities.end(),
                                                first.modalities.begin(), first.modalities.end(), same);
}

const Batch& DeviceBatches::upload(const Batch& batch) {
  if (bytes_ == 0) lay_out(batch);
  place_ = (place_ + 1) % places;
  Place& place = places_[static_cast<std::size_t>(place_)];
  gpu::synchronize(place.copied);
  std::memcpy(place.pinned, &batch.weight_sum, sizeof(double));
  std::size_t offset = sizeof(double);
  Batch source = batch;
  visit(
      source,
      [&](const Tensor& t) {
        offset = rounded(offset);
        const std::size_t bytes = tensor_bytes(t);
        if (bytes > 0) std::memcpy(place.pinned + offset, t.data, bytes);  // of an empty tensor there is no memory
        offset += bytes;
      },
      [&](const ModalityBatch& modality, int m) {
        offset = rounded(offset);
        pack_rows(batch, modality, m, reinterpret_cast<std::int64_t*>(place.pinned + offset));
        offset += rows_bytes(batch);
      });
  check(offset == bytes_, "[batch] batches of one source differ in shape");
  gpu::copy_to_device(place.device, place.pinned, bytes_, device_.stream());
  gpu::record(place.copied, device_.stream());
  place.batch.patients = batch.patients;
  place.batch.weight_sum = batch.weight_sum;
  return place.batch;
}

}  // namespace plait
