#include "io/data/dataset.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/error.h"
#include "io/data/stored_rows.h"
#include "io/data/table_encoder.h"

namespace plait {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

void encode_image(const Cohort& cohort, const ModalityData& data, const ModalityFit& fit, DatasetModality& out) {
  if (data.rows > 0 && (data.height != fit.height || data.width != fit.width || data.channels != fit.channels)) {
    fail_data({(cohort.folder / data.file).string()},
              fmt::format("the images are {} x {} with {} channel(s), the model was trained with {} x {} and {}",
                          data.height, data.width, data.channels, fit.height, fit.width, fit.channels));
  }
  out.rows = data.rows;
  out.columns = fit.features();
  out.period = fit.channels;
  const double white = data.bits == 8 ? 255.0 : 65535.0;
  for (std::size_t c = 0; c < fit.mean.size(); ++c) {
    out.fill.push_back(0.0f);
    out.mean.push_back(static_cast<float>(fit.mean[c] * white));
    out.scale.push_back(static_cast<float>(1.0 / (fit.deviation[c] * white)));
  }
  if (data.bits == 8) out.bytes = data.bytes.data();
  if (data.bits == 16) out.words = data.words.data();
  out.reader = data.stored_images;
  out.cell = data.bits == 8 ? GatherSource::Cell::u8 : GatherSource::Cell::u16;
}

}  // namespace

GatherSource DatasetModality::source() const {
  GatherSource source{.cell = cell,
                      .cells = encoded.data(),
                      .reader = reader.get(),
                      .rows = rows,
                      .columns = columns,
                      .stride = columns,
                      .period = period,
                      .fill = fill.data(),
                      .mean = mean.data(),
                      .scale = scale.data()};
  if (bytes != nullptr) source.cells = bytes;
  if (words != nullptr) source.cells = words;
  return source;
}

std::vector<GatherSource> Dataset::sources() const {
  std::vector<GatherSource> all;
  for (const DatasetModality& modality : modalities_) all.push_back(modality.source());
  return all;
}

Dataset::Dataset(const Cohort& cohort, const Preprocess& fit) : cohort_(&cohort), target_(fit.target) {
  const auto patients = static_cast<std::size_t>(cohort.patients());
  available_.assign(patients, 0);
  for (const ModalityFit& modality : fit.modalities) {
    const std::size_t bit = modalities_.size();
    DatasetModality& out = modalities_.emplace_back();
    out.name = modality.name;
    out.kind = modality.kind;
    out.columns = modality.features();
    out.height = modality.height;
    out.width = modality.width;
    out.channels = modality.channels;
    const ModalityData* data = cohort.find_modality(modality.name);
    if (!modality.read) {
      out.row_of_patient = data == nullptr ? std::vector<std::int64_t>(patients, -1) : data->row_of_patient;
      mark_available(bit);
      continue;
    }
    if (data == nullptr) {
      notes_.push_back(fmt::format("{}: the cohort has no modality \"{}\": it is absent of every patient",
                                   cohort.folder.string(), modality.name));
      out.row_of_patient.assign(patients, -1);
      continue;
    }
    if (data->kind != modality.kind) {
      fail_data({(cohort.folder / "cohort.toml").string()},
                fmt::format("modality \"{}\" is of kind {}, the model was trained with {}", modality.name,
                            modality_kind_name(data->kind), modality_kind_name(modality.kind)));
    }
    out.row_of_patient = data->row_of_patient;
    if (data->kind == ModalityKind::image) {
      encode_image(cohort, *data, modality, out);
    } else {
      auto encoder = std::make_shared<const TableEncoder>(cohort, *data, modality, notes_);
      encoder->encode(out);
      if (data->stored_table != nullptr) out.reader = std::move(encoder);
    }
    mark_available(bit);
  }
  for (const ModalityData& data : cohort.modalities) {
    const auto same = [&](const ModalityFit& modality) { return modality.name == data.name; };
    if (std::none_of(fit.modalities.begin(), fit.modalities.end(), same)) {
      notes_.push_back(fmt::format("{}: modality \"{}\" is ignored: the model was not trained with it",
                                   cohort.folder.string(), data.name));
    }
  }
  set_targets();
}

void Dataset::mark_available(std::size_t modality) {
  const std::vector<std::int64_t>& rows = modalities_[modality].row_of_patient;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] >= 0) available_[i] = static_cast<ModalityMask>(available_[i] | 1u << modality);
  }
}

void Dataset::set_targets() {
  const Cohort& cohort = *cohort_;
  if (!cohort.has_targets) {
    const auto patients = static_cast<std::size_t>(cohort.patients());
    labelled_.assign(patients, 0);
    if (!target_.classes.empty()) classes_.assign(patients, -1);
    if (target_.task != TaskKind::multiclass) {
      targets_.assign(patients * static_cast<std::size_t>(target_width()), static_cast<float>(kMissing));
    }
    return;
  }
  const std::string file = (cohort.folder / cohort.labels_file).string();
  if (cohort.task != target_.task) {
    fail_data({(cohort.folder / "cohort.toml").string()}, fmt::format("the task is {}, the model was trained for {}",
                                                                      task_name(cohort.task), task_name(target_.task)));
  }
  const std::int64_t n = cohort.patients();
  labelled_.resize(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) labelled_[static_cast<std::size_t>(i)] = cohort.labelled(i);

  if (target_.task == TaskKind::binary || target_.task == TaskKind::multiclass) {
    std::vector<std::int32_t> place;  // of the cohort's classes among the fit's
    for (const std::string& name : cohort.classes) {
      const auto at = std::find(target_.classes.begin(), target_.classes.end(), name);
      place.push_back(at == target_.classes.end() ? -1 : static_cast<std::int32_t>(at - target_.classes.begin()));
    }
    classes_.assign(static_cast<std::size_t>(n), -1);
    for (std::int64_t i = 0; i < n; ++i) {
      if (!labelled(i)) continue;
      const std::int32_t found = place[static_cast<std::size_t>(cohort.target(i))];
      if (found < 0) {
        fail_data({file, cohort.line[static_cast<std::size_t>(i)]}, "the training part had no patient of this class");
      }
      classes_[static_cast<std::size_t>(i)] = found;
    }
    if (target_.task == TaskKind::multiclass) return;
    for (const std::int32_t found : classes_) targets_.push_back(static_cast<float>(found < 0 ? kMissing : found));
    return;
  }
  if (target_.task == TaskKind::survival) return rank_times();
  if (target_.task == TaskKind::multilabel) match_labels();
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t k = 0; k < target_columns(); ++k) {
      const double value = (raw_target(i, k) - target_.mean) / target_.deviation;
      if (std::fabs(value) > kMostDeviations) {
        fail_data({file, cohort.line[static_cast<std::size_t>(i)]},
                  fmt::format("the target is too far from those the model is trained on: more than {:g} standard "
                              "deviations from their mean",
                              kMostDeviations));
      }
      targets_.push_back(static_cast<float>(value));
    }
  }
}

void Dataset::rank_times() {
  std::vector<double> times;
  for (std::int64_t i = 0; i < patients(); ++i)
    if (labelled(i)) times.push_back(cohort_->target(i));
  std::sort(times.begin(), times.end());
  times.erase(std::unique(times.begin(), times.end()), times.end());
  for (std::int64_t i = 0; i < patients(); ++i) {
    if (!labelled(i)) {
      targets_.insert(targets_.end(), 2, static_cast<float>(kMissing));
      continue;
    }
    const auto at = std::lower_bound(times.begin(), times.end(), cohort_->target(i));
    targets_.push_back(static_cast<float>(at - times.begin() + 1));
    targets_.push_back(static_cast<float>(cohort_->target(i, 1)));
  }
}

void Dataset::match_labels() {
  const std::vector<std::string>& names = cohort_->target_names;
  for (const std::string& label : target_.names) {
    const auto at = std::find(names.begin(), names.end(), label);
    if (at == names.end()) {
      fail_data({(cohort_->folder / "cohort.toml").string()},
                fmt::format("the targets do not name \"{}\", which the model was trained for", label));
    }
    label_columns_.push_back(at - names.begin());
  }
}

double Dataset::raw_target(std::int64_t patient, std::int64_t column) const {
  if (!labelled(patient)) return kMissing;
  if (!classes_.empty()) return class_index(patient);
  if (target_.task == TaskKind::regression) return cohort_->target(patient);
  if (target_.task == TaskKind::survival) return cohort_->target(patient, column);
  return cohort_->target(patient, label_columns_[static_cast<std::size_t>(column)]);
}

std::vector<std::int64_t> patients_with(const Dataset& dataset, std::span<const std::int64_t> patients,
                                        std::size_t modality) {
  std::vector<std::int64_t> selected;
  for (const std::int64_t patient : patients) {
    if (has_modality(dataset.available(patient), static_cast<int>(modality))) selected.push_back(patient);
  }
  return selected;
}

std::vector<std::int64_t> patients_with_any(const Dataset& dataset, std::span<const std::int64_t> patients) {
  std::vector<std::int64_t> selected;
  for (const std::int64_t patient : patients) {
    if (dataset.available(patient) != 0) selected.push_back(patient);
  }
  return selected;
}

}  // namespace plait
