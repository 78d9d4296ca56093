// A table's cells as the network reads them: the fit's columns found in the cohort's, numbers standardised in double,
// categories as one of k. NaN stays where a number is missing: kernels/gather.h fills it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "io/data/cohort.h"
#include "io/data/dataset.h"
#include "io/data/preprocess.h"

namespace plait {

// Borrows the cohort's modality and keeps a copy of the fit.
class TableEncoder final : public RowReader {
 public:
  // Columns are matched by name; what the fit does not know is said in `notes`. A column that is missing or of another
  // type is a data error.
  TableEncoder(const Cohort& cohort, const ModalityData& data, const ModalityFit& fit, std::vector<std::string>& notes);
  TableEncoder(const TableEncoder&) = delete;
  TableEncoder& operator=(const TableEncoder&) = delete;

  // Everything of `out` but who it is. All rows are looked at, so that a cell too far away is a data error here; they
  // are kept in out.encoded unless the cohort itself is not in memory.
  void encode(DatasetModality& out) const;

  // out[features of the fit]. True when a column of the fit has a value.
  bool encode_row(std::int64_t row, float* out) const;
  void read(std::int64_t row, void* cells) const override { encode_row(row, static_cast<float*>(cells)); }

 private:
  // A source column beside what training made of it.
  struct Matched {
    const ColumnFit* fit = nullptr;
    std::size_t column = 0;          // in the cohort
    std::vector<std::int32_t> code;  // categorical: the cohort's code -> one-hot place
  };
  Matched match(const ColumnFit& fit, std::size_t column) const;
  float standardised(double cell, std::int64_t row, const Matched& m) const;
  [[noreturn]] void fail_cell(std::int64_t row, const Matched& m, const std::string& message) const;

  std::string file_;
  const ModalityData& data_;
  ModalityFit fit_;
  std::vector<Matched> matched_;
};

}  // namespace plait
