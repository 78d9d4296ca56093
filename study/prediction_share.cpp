#include "study/prediction_share.h"

#include <algorithm>

namespace plait {
namespace {

struct Range {
  std::int64_t first, last;
};

// Of patients, those in the rank's share of the batches.
Range patients_of(std::int64_t patients, std::int64_t batch_size, int rank, int ranks) {
  const std::int64_t batches = batch_size == 0 ? 0 : (patients + batch_size - 1) / batch_size;
  const auto border = [&](std::int64_t r) { return std::min(batches * r / ranks * batch_size, patients); };
  return {border(rank), border(rank + 1)};
}

// Each rank's run of items, `width` elements each, one after the other in the order of the ranks.
template <class T>
void gather(Communicator& ranks, std::vector<T>& own, std::span<const Piece> pieces, std::int64_t width) {
  const Piece& last = pieces.back();
  std::vector<T> all(static_cast<std::size_t>((last.begin + last.count) * width));
  std::copy(own.begin(), own.end(), all.begin() + pieces[static_cast<std::size_t>(ranks.rank())].begin * width);
  ranks.all_gather(all.data(), pieces, sizeof(T) * static_cast<std::size_t>(width), nullptr).wait();
  own = std::move(all);
}

}  // namespace

PredictionShare prediction_share(std::int64_t patients, std::int64_t batch_size, const Communicator* ranks) {
  const std::int64_t rows = std::min(batch_size, patients);
  const Range own =
      patients_of(patients, rows, ranks != nullptr ? ranks->rank() : 0, ranks != nullptr ? ranks->size() : 1);
  return {.batch_size = rows, .first = own.first, .count = own.last - own.first};
}

void gather_shares(Communicator& ranks, std::int64_t batch_size, PatientPredictions& predictions,
                   std::vector<BatchLoss>& losses) {
  std::vector<Piece> patients(static_cast<std::size_t>(ranks.size())), batches = patients;
  for (int rank = 0; rank < ranks.size(); ++rank) {
    const Range own = patients_of(predictions.count(), batch_size, rank, ranks.size());
    const auto at = static_cast<std::size_t>(rank);
    patients[at] = {.begin = own.first, .count = own.last - own.first};
    batches[at] = {.begin = (own.first + batch_size - 1) / batch_size,
                   .count = (own.last - own.first + batch_size - 1) / batch_size};
  }
  // A rank without patients does not know how many weights one has.
  const std::int64_t own_count = patients[static_cast<std::size_t>(ranks.rank())].count;
  std::vector<std::int64_t> widths{own_count > 0 ? std::ssize(predictions.weights) / own_count : 0};
  gather(ranks, widths, one_each(ranks.size()), 1);
  gather(ranks, predictions.values, patients, predictions.outputs);
  const std::int64_t width = *std::max_element(widths.begin(), widths.end());
  if (width > 0) gather(ranks, predictions.weights, patients, width);
  gather(ranks, predictions.available, patients, 1);
  gather(ranks, predictions.abstains, patients, 1);
  gather(ranks, losses, batches, 1);
}

}  // namespace plait
