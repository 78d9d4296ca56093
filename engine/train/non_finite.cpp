#include "engine/train/non_finite.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/error.h"
#include "kernels/reduce.h"

namespace plait {
namespace {

constexpr std::size_t rows_named = 8;
constexpr const char* advice =
    "; lower train.learning_rate, set train.clip_norm, or look for extreme values in these rows";

// Rows of a tensor [batch, ...] that hold a non-finite element, among the batch's patients.
std::vector<std::int64_t> bad_rows(const Tensor& t, std::int64_t patients) {
  std::vector<std::int64_t> rows;
  dispatch_float(t.dtype, [&]<class T>(T) {
    for (std::int64_t r = 0; r < t.rows() && r < patients; ++r)
      if (cpu::first_non_finite<T>(t.columns(), t.as<T>() + r * t.row_stride) >= 0) rows.push_back(r);
  });
  return rows;
}

std::string list(const Batch& batch, const std::vector<std::int64_t>& in_batch) {
  std::string text;
  for (std::size_t i = 0; i < in_batch.size() && i < rows_named; ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(batch.rows.as<std::int32_t>()[in_batch[i]]);
  return in_batch.size() > rows_named ? text + ", ..." : text;
}

std::string sentence(const std::string& what, std::int64_t step, const std::string& rows) {
  return what + " at step " + std::to_string(step) + " (patients in rows " + rows + " of the labels, counted from 0)" +
         advice;
}

[[noreturn]] void fail(const std::string& what, std::int64_t step, const std::string& rows) {
  throw Error(ExitCode::numeric, sentence(what, step, rows));
}

std::string parameter_name(const ParameterStore& store, std::int64_t element) {
  const int parameter = store.place(element).parameter;
  return parameter < 0 ? "padding" : store.parameter(parameter).name;
}

constexpr const char* bad_gradient_of = "the gradient is not finite: the first tensor that is not is the gradient of ";

std::string rows_of(const Batch& batch) {
  BatchRows rows;
  rows.take(batch);
  return rows.text();
}

// The name of the parameter whose values are not finite; empty: all are.
std::string first_bad(const ParameterStore& store, const void* flat) {
  std::string name;
  dispatch_float(store.dtype(), [&]<class T>(T) {
    const std::int64_t bad = cpu::first_non_finite<T>(store.flat_count(), static_cast<const T*>(flat));
    if (bad >= 0) name = parameter_name(store, bad);
  });
  return name;
}

}  // namespace

void BatchRows::take(const Batch& batch) {
  patients_ = batch.patients;
  const auto kept = std::min<std::int64_t>(patients_, std::ssize(rows_));
  std::copy_n(batch.rows.as<std::int32_t>(), kept, rows_.begin());
}

std::string BatchRows::text() const {
  std::string text;
  for (std::int64_t i = 0; i < patients_ && i < std::ssize(rows_); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(rows_[static_cast<std::size_t>(i)]);
  return patients_ > std::ssize(rows_) ? text + ", ..." : text;
}

void fail_loss(const Tape& tape, const ParameterStore& store, const Batch& batch, std::int64_t step) {
  for (std::size_t m = 0; m < batch.modalities.size(); ++m) {
    // Absent modalities may hold anything: only rows that the model reads count.
    std::vector<std::int64_t> rows;
    for (const std::int64_t r : bad_rows(batch.modalities[m].values, batch.patients))
      if (batch.available.empty() || has_modality(batch.available.as<ModalityMask>()[r], static_cast<int>(m)))
        rows.push_back(r);
    if (!rows.empty())
      fail("the loss is not finite: the first tensor that is not is the input of modality number " +
               std::to_string(m + 1),
           step, list(batch, rows));
  }
  if (const std::string name = first_bad(store, store.values()); !name.empty())
    fail("the loss is not finite: the first tensor that is not is the parameter " + name, step, rows_of(batch));
  std::string name;
  std::vector<std::int64_t> rows;
  tape.visit_layers([&](const Tensor& result, int parameter) {
    if (!name.empty() || parameter < 0 || result.rows() != batch.size) return;
    rows = bad_rows(result, batch.patients);
    if (!rows.empty()) name = store.parameter(parameter).name;
  });
  if (!name.empty())
    fail("the loss is not finite: the first tensor that is not is the output of the layer with " + name, step,
         list(batch, rows));
  fail("the loss is not finite", step, rows_of(batch));
}

std::string bad_gradient(const ParameterStore& store, const Piece& range, const BatchRows& rows, std::int64_t step) {
  const std::int64_t bad =
      cpu::first_non_finite(range.count, static_cast<const float*>(store.gradients()) + range.begin);
  return bad < 0 ? "" : sentence(bad_gradient_of + parameter_name(store, range.begin + bad), step, rows.text());
}

void check_gradients_finite(const ParameterStore& store, const BatchRows& rows, std::int64_t step) {
  if (const std::string name = first_bad(store, store.gradients()); !name.empty())
    fail(bad_gradient_of + name, step, rows.text());
}

void fail_on_device(const ParameterStore& store, const LossTerms& loss, std::int64_t element, const BatchRows& rows,
                    std::int64_t step) {
  if (!std::isfinite(loss.total())) {
    const char* term = !std::isfinite(loss.task) ? "task" : !std::isfinite(loss.align) ? "alignment" : "reconstruction";
    fail(std::string("the loss is not finite: the first term that is not is the ") + term + " loss", step, rows.text());
  }
  fail(bad_gradient_of + parameter_name(store, element), step, rows.text());
}

void check_parameters_finite(const ParameterStore& store, std::int64_t step) {
  if (const std::string name = first_bad(store, store.values()); !name.empty())
    throw Error(ExitCode::numeric, "parameter " + name + " is not finite after step " + std::to_string(step) +
                                       "; lower train.learning_rate or set train.clip_norm");
}

}  // namespace plait
