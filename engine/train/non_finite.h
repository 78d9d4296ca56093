// Ends a run on a number that is not finite (exit code 6), naming the first tensor that holds one, the step and the
// patients' rows.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "engine/comm/communicator.h"
#include "engine/parameters.h"
#include "engine/tape.h"
#include "engine/train/batch.h"
#include "engine/train/objective.h"

namespace plait {

// The first patients of a batch, kept for an error that may come after the batch is gone.
class BatchRows {
 public:
  void take(const Batch& batch);
  std::string text() const;  // "3, 17, 4, ..."

 private:
  std::array<std::int32_t, 8> rows_{};
  std::int64_t patients_ = 0;
};

// A loss is not finite: names the first non-finite input, parameter or layer output of the forward pass, and the rows
// of the labels file whose values are.
[[noreturn]] void fail_loss(const Tape& tape, const ParameterStore& store, const Batch& batch, std::int64_t step);

// What check_gradients_finite() would say about a range of the flat buffer, of floats; empty: all of it is finite.
std::string bad_gradient(const ParameterStore& store, const Piece& range, const BatchRows& rows, std::int64_t step);

// A gradient is not finite: does nothing when all are. Otherwise names the parameter and the last batch's rows.
void check_gradients_finite(const ParameterStore& store, const BatchRows& rows, std::int64_t step);

// On a GPU the step is over when its numbers are read: names the loss's term or the parameter whose gradient holds the
// flat buffer's element (-1: all gradients are finite).
[[noreturn]] void fail_on_device(const ParameterStore& store, const LossTerms& loss, std::int64_t element,
                                 const BatchRows& rows, std::int64_t step);

// A parameter has become non-finite by an update.
void check_parameters_finite(const ParameterStore& store, std::int64_t step);

}  // namespace plait
