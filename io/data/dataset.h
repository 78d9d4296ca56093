// A cohort as the network reads it: per modality a source matrix and the vectors that kernels/gather.h needs to turn
// its rows into a batch; availability, targets. Cells are standardised here, once, in double; pixels stay the cohort's
// own and are borrowed, not copied. Of a prepared cohort neither is held: rows are made when a batch asks for them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/train/gather_source.h"
#include "io/data/cohort.h"
#include "io/data/preprocess.h"

namespace plait {

// Source of one modality: rows x columns in exactly one of `encoded`, `bytes`, `words` and `reader`; none where
// the model does not read the modality (no rows, no columns).
struct DatasetModality {
  std::string name;
  ModalityKind kind = ModalityKind::table;
  std::int64_t rows = 0, columns = 0;                // columns = features of the network's input
  std::int64_t height = 0, width = 0, channels = 0;  // image
  std::int64_t period = 0;                           // length of fill, mean, scale
  std::vector<float> fill, mean, scale;              // y = ((isnan(v) ? fill : v) - mean) * scale
  bool has_missing_cells = false;                    // some source cell is NaN: batches carry `observed`
  // [patients], -1 = absent: no row, or no value in a column of the fit.
  std::vector<std::int64_t> row_of_patient;

  std::vector<float> encoded;  // tables: standardised, NaN = missing (so mean = 0 and scale = 1)
  const std::uint8_t* bytes = nullptr;
  const std::uint16_t* words = nullptr;
  // A prepared cohort: makes the rows, of `cell`, that would stand there, without keeping them.
  std::shared_ptr<const RowReader> reader;
  GatherSource::Cell cell = GatherSource::Cell::f32;

  GatherSource source() const;  // borrows all of it
};

// Borrows the cohort and must not outlive it.
class Dataset {
 public:
  // Applies the fit to a cohort: the one it was fitted on, or another. Modalities and columns are matched by name. Data
  // errors: a column that is missing or of another type, a cell or target beyond kMostDeviations, images of another
  // size, a class that training did not see. Targets of a cohort that was read without them play no part.
  // A modality that the cohort does not have is absent of every patient; that, and whatever the fit does not use, is
  // said in notes().
  Dataset(const Cohort& cohort, const Preprocess& fit);
  Dataset(Cohort&&, const Preprocess&) = delete;
  Dataset(const Dataset&) = delete;  // may be large
  Dataset(Dataset&&) = default;

  const Cohort& cohort() const { return *cohort_; }
  std::int64_t patients() const { return cohort_->patients(); }
  TaskKind task() const { return target_.task; }
  std::int64_t outputs() const { return target_.outputs(); }
  const TargetFit& target_fit() const { return target_; }
  const std::vector<DatasetModality>& modalities() const { return modalities_; }  // in the order of the fit
  std::vector<GatherSource> sources() const;                                      // of the modalities

  ModalityMask available(std::int64_t patient) const { return available_[static_cast<std::size_t>(patient)]; }
  bool labelled(std::int64_t patient) const { return labelled_[static_cast<std::size_t>(patient)] != 0; }

  // As the loss reads them; unknown = NaN or -1. multiclass: class_index(), a place in the fit's classes (binary has it
  // too). Everything else: target(), target_width() numbers, 0 or 1 or the standardised target; survival: the
  // time's rank among the cohort's different times, from 1, which is all that a partial likelihood reads of it, and 1
  // for an event or 0.
  const float* target(std::int64_t patient) const {
    return targets_.data() + static_cast<std::size_t>(patient * target_width());
  }
  std::int64_t target_width() const { return task() == TaskKind::survival ? 2 : outputs(); }
  std::int32_t class_index(std::int64_t patient) const { return classes_[static_cast<std::size_t>(patient)]; }
  // As metrics read them (engine/metrics/predictions.h): raw numbers, class indices; target_columns() a patient.
  double raw_target(std::int64_t patient, std::int64_t column = 0) const;
  std::int64_t target_columns() const { return static_cast<std::int64_t>(target_.names.size()); }

  const std::vector<std::string>& notes() const { return notes_; }

 private:
  void mark_available(std::size_t modality);
  void set_targets();
  void match_labels();
  void rank_times();

  const Cohort* cohort_;
  TargetFit target_;
  std::vector<DatasetModality> modalities_;
  std::vector<ModalityMask> available_;
  std::vector<std::uint8_t> labelled_;
  std::vector<float> targets_;               // [patients, target_width()]; empty for multiclass
  std::vector<std::int32_t> classes_;        // binary, multiclass
  std::vector<std::int64_t> label_columns_;  // multilabel: the cohort's column of each label of the fit
  std::vector<std::string> notes_;
};

// Lists of patients by what they have in this dataset: modality m, or at least one.
std::vector<std::int64_t> patients_with(const Dataset& dataset, std::span<const std::int64_t> patients,
                                        std::size_t modality);
std::vector<std::int64_t> patients_with_any(const Dataset& dataset, std::span<const std::int64_t> patients);

}  // namespace plait
