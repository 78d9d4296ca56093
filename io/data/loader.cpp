#include "io/data/loader.h"

#include <algorithm>
#include <cstring>

#include "engine/error.h"
#include "kernels/gather.h"
#include "kernels/math/philox.h"

namespace plait {
namespace {

// Zeroed: rows and padding that no batch ever writes are read as zeros.
Tensor zeros(Arena& arena, const Shape& shape, DType dtype, bool padded) {
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.shape = shape;
  tensor.row_stride = padded ? padded_stride(shape.columns(), dtype) : shape.columns();
  const std::size_t bytes = static_cast<std::size_t>(shape.rows() * tensor.row_stride) * dtype_size(dtype);
  tensor.data = arena.bytes(bytes);
  if (bytes > 0) std::memset(tensor.data, 0, bytes);
  return tensor;
}

}  // namespace

Loader::Loader(const Dataset& dataset, std::vector<std::int64_t> patients, const LoaderOptions& options)
    : dataset_(dataset), options_(options), patients_(std::move(patients)) {
  check(options.batch_size > 0 && options.accumulate > 0, "[loader] batch_size and accumulate have to be positive");
  const auto known = static_cast<std::size_t>(dataset.patients());
  check(options.weights.empty() || options.weights.size() == known, "[loader] one weight a patient of the dataset");
  for (const std::int64_t patient : patients_) {
    check(patient >= 0 && patient < dataset.patients(), "[loader] a patient that the dataset does not have");
  }
  const BatchParts& parts = options.parts;
  check(parts.first >= 0 && parts.own > 0 && parts.first + parts.own <= parts.count,
        "[loader] parts that are not there");
  batch_size_ = options.keep_size ? options.batch_size : std::min(options.batch_size, this->patients());
  size_ = parts.rows(batch_size_);
  gathers_ = options.resident != nullptr && options.resident->there();
  next_ = loads();  // until start_epoch()
  const bool ahead = options.prefetch && loads() > 1;
  for (int i = 0; i < (ahead ? 2 : 1); ++i) slots_.push_back(make_slot());
  if (ahead) prefetch_ = std::make_unique<BackgroundWorker>([this](std::int64_t load) { fill(load); });
}

Loader::Slot Loader::make_slot() {
  Slot slot;
  Batch& batch = slot.batch;
  batch.size = size_;
  batch.available = zeros(memory_, {size_}, DType::u8, false);
  batch.rows = zeros(memory_, {size_}, DType::i32, false);
  batch.weights = zeros(memory_, {size_}, DType::f32, false);
  // Targets are contiguous: their kernels want them so.
  batch.targets = dataset_.task() == TaskKind::multiclass
                      ? zeros(memory_, {size_}, DType::i32, false)
                      : zeros(memory_, {size_, dataset_.target_width()}, DType::f32, false);
  for (std::size_t m = 0; m < dataset_.modalities().size(); ++m) {
    const DatasetModality& modality = dataset_.modalities()[m];
    slot.source_rows.push_back(memory_.array<std::int64_t>(size_));
    std::fill_n(slot.source_rows[m], size_, -1);
    ModalityBatch& out = batch.modalities.emplace_back();
    out.values.shape = modality.kind == ModalityKind::image
                           ? Shape{size_, modality.height, modality.width, modality.channels}
                           : Shape{size_, modality.columns};
    if (!gathers_) continue;
    out.source = &options_.resident->modality(m);
    out.source_rows = slot.source_rows[m];
    out.some_unobserved = modality.has_missing_cells;
  }
  slot.patients = memory_.array<std::int64_t>(size_);
  if (!gathers_) make_values(slot);
  return slot;
}

void Loader::make_values(Slot& slot) {
  Batch& batch = slot.batch;
  std::int64_t made = 0;
  for (const DatasetModality& modality : dataset_.modalities())
    if (modality.reader != nullptr) made = std::max(made, size_ * modality.columns * cell_size(modality.cell));
  slot.made = memory_.array<std::byte>(made);
  slot.made_rows = memory_.array<std::int64_t>(size_);
  for (std::size_t m = 0; m < batch.modalities.size(); ++m) {
    const Shape shape = batch.modalities[m].values.shape;
    ModalityBatch& out = batch.modalities[m] = {};
    out.values = zeros(memory_, shape, DType::f32, true);
    if (dataset_.modalities()[m].has_missing_cells) out.observed = zeros(memory_, shape, DType::u8, true);
  }
}

void Loader::pack_on_host() {
  if (!gathers_) return;
  if (prefetch_) prefetch_->finish();
  gathers_ = false;
  for (Slot& slot : slots_) {
    make_values(slot);
    for (std::size_t m = 0; m < slot.batch.modalities.size(); ++m) fill_values(slot, m);
  }
}

std::int64_t Loader::batches() const {
  return batch_size_ == 0 ? 0 : (patients() + batch_size_ - 1) / batch_size_;
}

void Loader::start_epoch(std::uint32_t epoch) {
  if (prefetch_) prefetch_->abandon();
  order_ = {.count = static_cast<std::uint32_t>(patients_.size()),
            .seed = options_.seed,
            .step = epoch,
            .site = random_site(Purpose::shuffle, 0)};
  next_ = 0;
  if (prefetch_) prefetch_->start(0);
}

const Batch* Loader::next() {
  if (next_ == loads()) return nullptr;
  const std::int64_t load = next_;
  next_ = loads();  // after an exception the epoch is over
  if (prefetch_) {
    prefetch_->finish();
    if (load + 1 < loads()) prefetch_->start(load + 1);
  } else {
    fill(load);
  }
  next_ = load + 1;
  return &slot_of(load).batch;
}

// Groups of `accumulate` batches (the last one may have fewer): of each the first own part of all its batches, the
// second of all, ...
Loader::Range Loader::range_of(std::int64_t load) const {
  const BatchParts& parts = options_.parts;
  const std::int64_t group = load / (options_.accumulate * parts.own), first = group * options_.accumulate;
  const std::int64_t members = std::min(options_.accumulate, batches() - first), within = load - first * parts.own;
  const std::int64_t batch = first + within % members, part = parts.first + within / members;
  const std::int64_t end = std::min((batch + 1) * batch_size_, patients());
  const std::int64_t begin = std::min(batch * batch_size_ + part * size_, end);
  return {begin, std::min(begin + size_, end)};
}

void Loader::fill(std::int64_t load) {
  const Phase phase(options_.trace, "fill batch", -1, prefetch_ ? Trace::Track::loader : Trace::Track::host);
  const Range range = range_of(load);
  Slot& slot = slot_of(load);
  for (std::int64_t i = range.begin; i < range.end; ++i) slot.patients[i - range.begin] = patient_at(i);
  const std::span<const std::int64_t> patients(slot.patients, static_cast<std::size_t>(range.end - range.begin));
  fill_patients(slot.batch, patients);
  slot.batch.weight_sum = group_weight_sum(load);
  for (std::size_t m = 0; m < slot.batch.modalities.size(); ++m) {
    fill_rows(slot, m, patients);
    if (!gathers_) fill_values(slot, m);
  }
}

std::int64_t Loader::patient_at(std::int64_t place) const {
  const auto at = static_cast<std::uint32_t>(place);
  return patients_[options_.shuffle ? order_(at) : at];
}

// 0 for a patient without a target.
float Loader::weight_of(std::int64_t patient) const {
  if (!dataset_.labelled(patient)) return 0.0f;
  return options_.weights.empty() ? 1.0f : options_.weights[static_cast<std::size_t>(patient)];
}

double Loader::group_weight_sum(std::int64_t load) const {
  const std::int64_t group = options_.accumulate * batch_size_;  // patients
  const std::int64_t first = load / (options_.accumulate * options_.parts.own) * group;
  const std::int64_t last = std::min(first + group, this->patients());
  double sum = 0.0;
  for (std::int64_t i = first; i < last; ++i) sum += static_cast<double>(weight_of(patient_at(i)));
  return sum;
}

void Loader::fill_patients(Batch& batch, std::span<const std::int64_t> patients) const {
  batch.patients = static_cast<std::int64_t>(patients.size());
  const bool classes = batch.targets.dtype == DType::i32;
  const std::int64_t width = dataset_.target_width();
  for (std::int64_t i = 0; i < size_; ++i) {
    const bool real = i < batch.patients;
    const std::int64_t patient = real ? patients[static_cast<std::size_t>(i)] : 0;
    const bool counts = real && dataset_.labelled(patient);
    const float weight = real ? weight_of(patient) : 0.0f;
    batch.available.as<ModalityMask>()[i] = real ? dataset_.available(patient) : ModalityMask{0};
    batch.rows.as<std::int32_t>()[i] = static_cast<std::int32_t>(patient);
    batch.weights.as<float>()[i] = weight;
    if (classes) {
      batch.targets.as<std::int32_t>()[i] = counts ? dataset_.class_index(patient) : 0;
    } else {
      for (std::int64_t k = 0; k < width; ++k) {
        batch.targets.as<float>()[i * width + k] = counts ? dataset_.target(patient)[k] : 0.0f;
      }
    }
  }
}

void Loader::fill_rows(Slot& slot, std::size_t m, std::span<const std::int64_t> patients) const {
  const DatasetModality& modality = dataset_.modalities()[m];
  for (std::size_t i = 0; i < static_cast<std::size_t>(size_); ++i) {
    slot.source_rows[m][i] = i < patients.size() ? modality.row_of_patient[static_cast<std::size_t>(patients[i])] : -1;
  }
}

void Loader::fill_values(Slot& slot, std::size_t m) const {
  const DatasetModality& modality = dataset_.modalities()[m];
  if (modality.rows == 0) return;  // the batch holds zeros
  GatherSource source = modality.source();
  const std::int64_t* rows = slot.source_rows[m];
  if (source.reader != nullptr) {  // the same rows, in the batch's order
    for (std::int64_t i = 0; i < size_; ++i) {
      slot.made_rows[i] = rows[i] < 0 ? -1 : i;
      if (rows[i] >= 0) source.reader->read(rows[i], slot.made + i * source.columns * cell_size(source.cell));
    }
    source.cells = slot.made;
    rows = slot.made_rows;
  }
  const ModalityBatch& out = slot.batch.modalities[m];
  const GatherParams params{.batch = size_,
                            .columns = source.columns,
                            .source_stride = source.stride,
                            .y_stride = out.values.row_stride,
                            .observed_stride = out.observed.row_stride,
                            .period = source.period};
  dispatch_cells(source, [&](const auto* cells) {
    cpu::gather_normalise(params, cells, rows, source.fill, source.mean, source.scale, out.values.as<float>(),
                          out.observed.empty() ? nullptr : out.observed.as<std::uint8_t>());
  });
}

std::vector<float> balanced_weights(const Dataset& dataset, std::span<const std::int64_t> patients) {
  std::vector<float> weights(static_cast<std::size_t>(dataset.patients()), 0.0f);
  const std::size_t classes = dataset.target_fit().classes.size();  // none: not a classification
  std::vector<double> count(std::max<std::size_t>(classes, 1), 0.0);
  const auto place = [&](std::int64_t patient) {
    return classes == 0 ? std::size_t{0} : static_cast<std::size_t>(dataset.class_index(patient));
  };
  double n = 0.0;
  for (const std::int64_t patient : patients) {
    if (dataset.labelled(patient)) count[place(patient)] += 1.0, n += 1.0;
  }
  for (std::int64_t patient = 0; patient < dataset.patients(); ++patient) {
    if (!dataset.labelled(patient) || count[place(patient)] == 0.0) continue;
    const double weight = n / (static_cast<double>(count.size()) * count[place(patient)]);
    weights[static_cast<std::size_t>(patient)] = static_cast<float>(weight);
  }
  return weights;
}

}  // namespace plait
